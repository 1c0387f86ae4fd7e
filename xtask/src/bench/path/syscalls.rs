//! `cargo xtask bench syscalls`: the system calls that a relay makes for one connection, by name.
//!
//! They are counted by the kernel's own tracepoints, which cost so little that the relay batches its work
//! as it does when nobody counts; a tracer that stops it at each call would change that.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use egress_tests::command;

use super::load;
use super::relay::Relay;
use super::stage::Stage;
use super::tools::Tools;
use crate::install;

/// Enough that what a relay does now and then by itself does not show.
const CONNECTIONS: u32 = 2_000;
/// Far more than so many take.
const SECONDS: u32 = 60;
/// Rarer calls are no connection's: timers, logs.
const SHOWN: f64 = 0.005;

/// Whose calls are counted.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Relay::Egress, Relay::Haproxy])]
    relays: Vec<Relay>,
    /// How many connections are open at once
    #[arg(long, default_value_t = 32)]
    clients: u32,
    /// Take this build of the gateway, and build none
    #[arg(long)]
    gateway: Option<PathBuf>,
}

/// Calls of one relay for one connection, by name.
type Calls = BTreeMap<String, f64>;

pub(crate) fn main(args: &Args) -> Result<()> {
    super::prepare("bench syscalls")?;
    if command::find("perf").is_none() {
        install::packages_for("system calls are counted by perf", &["linux-perf"])?;
    }
    let tools = Tools::ready(&args.relays, args.gateway.as_deref())?;
    let stage = Stage::new(&tools, SECONDS)?;
    let mut counted = Vec::new();
    for relay in &args.relays {
        counted.push((*relay, count(&stage, *relay, args.clients)?));
    }
    print!("{}", table(&counted));
    Ok(())
}

fn count(stage: &Stage<'_>, relay: Relay, clients: u32) -> Result<Calls> {
    let running = stage.start(relay)?;
    let clients = clients.to_string();
    running
        .load()
        .run("connections", 1, &["--clients", &clients])?;
    let processes: Vec<_> = running.processes()?.iter().map(u32::to_string).collect();
    ensure!(!processes.is_empty(), "{} has no process", relay.name());
    let counts = stage.bed().dir().join("syscalls.csv");
    let inner = running.load().command("connections", SECONDS);
    let mut perf = command::system("perf");
    perf.args(["stat", "-x", ";", "-e", "syscalls:sys_enter_*", "-o"])
        .arg(&counts)
        .args(["-p", &processes.join(","), "--"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .args(["--clients", &clients, "--most", &CONNECTIONS.to_string()])
        .args(["--seconds", &SECONDS.to_string()]);
    let said = command::stdout(&mut perf)?;
    let said = serde_json::from_str(&said).with_context(|| format!("the load said: {said}"))?;
    let connections = load::number(&said, "/connections")?;
    running.end()?;
    let text = fs::read_to_string(&counts).context("perf wrote no counts")?;
    Ok(calls(&text, connections))
}

/// What `perf stat -x ';'` wrote: count, unit, event.
fn calls(text: &str, connections: f64) -> Calls {
    let mut calls = Calls::new();
    for line in text.lines() {
        let mut fields = line.split(';');
        let (count, event) = (fields.next(), fields.nth(1));
        let name = event.and_then(|event| event.strip_prefix("syscalls:sys_enter_"));
        if let (Some(Ok(count)), Some(name)) = (count.map(str::parse::<f64>), name) {
            calls.insert(name.into(), count / connections);
        }
    }
    calls
}

fn table(counted: &[(Relay, Calls)]) -> String {
    let names: Vec<_> = counted.iter().map(|(relay, _)| relay.name()).collect();
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    let all = counted.iter().flat_map(|(_, calls)| calls.keys());
    for name in all.collect::<std::collections::BTreeSet<_>>() {
        let each = counted
            .iter()
            .map(|(_, calls)| calls.get(name).copied().unwrap_or_default());
        rows.push((name, each.collect()));
    }
    rows.retain(|(_, each)| each.iter().any(|calls| *calls >= SHOWN));
    // Those that the first one makes most of, first.
    rows.sort_by(|(_, a), (_, b)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
    let sums = counted.iter().map(|(_, calls)| calls.values().sum());
    rows.push(("in all", sums.collect()));
    let mut lines = vec![
        format!("| calls for a connection | {} |", names.join(" | ")),
        format!("|---|{}", "--:|".repeat(names.len())),
    ];
    lines.extend(rows.iter().map(|(name, each)| {
        let cells: Vec<_> = each.iter().map(|calls| format!("{calls:.2}")).collect();
        format!("| {name} | {} |", cells.join(" | "))
    }));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_shown_for_one_connection_and_rare_ones_only_in_the_sum() {
        let csv = "# started on Mon\n\n4000;;syscalls:sys_enter_close;20;100.00;;\n\
                   2;;syscalls:sys_enter_mmap;20;100.00;;\n\
                   <not counted>;;syscalls:sys_enter_read;0;0.00;;\n";
        let table = table(&[(Relay::Egress, calls(csv, 2000.0))]);
        assert!(
            table.ends_with("| close | 2.00 |\n| in all | 2.00 |\n"),
            "{table}"
        );
        assert!(!table.contains("mmap"), "{table}");
    }
}
