//! `cargo xtask bench policy`: what a registry costs, by its size.
//!
//! Each row is a process of its own, `egress-userspace/examples/policy.rs`, so that what it grows by
//! while it compiles a registry is that registry's policy and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;
use serde_json::{Value, json};

use super::machine::Machine;
use super::release;
use crate::workspace::{say, target};

/// What registries are measured: how services are found, how many there are, and hosts for each.
const ROWS: &[(&str, usize, usize)] = &[
    ("names", 1_000, 1),
    ("names", 100_000, 1),
    ("names", 1_000_000, 1),
    ("names", 10_000, 100),
    ("addresses", 1_000, 1),
    ("addresses", 100_000, 1),
];

/// How to print it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<()> {
    say("building the measurement");
    let binary = release::example("policy")?;
    let machine = Machine::now()?;
    let mut rows = Vec::new();
    for (kind, services, hosts) in ROWS {
        say(&format!(
            "{services} services, found by {kind}, {hosts} of them each"
        ));
        rows.push(measure(&binary, kind, *services, *hosts)?);
    }
    let report = format!("{:#}\n", json!({ "machine": machine.json(), "rows": rows }));
    let file = target("bench/policy.json");
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    fs::write(&file, &report).with_context(|| format!("cannot write {}", file.display()))?;
    if args.json {
        print!("{report}");
    } else {
        println!("Measured on {machine}.\n");
        print!("{}", table(&rows));
    }
    say(&format!("wrote {}", file.display()));
    Ok(())
}

fn measure(binary: &Path, kind: &str, services: usize, hosts: usize) -> Result<Value> {
    let mut row = Command::new(binary);
    row.args([kind, &services.to_string(), &hosts.to_string()]);
    let said = command::stdout(&mut row)?;
    serde_json::from_str(&said).with_context(|| format!("not a row: {said}"))
}

/// A table in Markdown, as the documentation has it.
fn table(rows: &[Value]) -> String {
    let head = [
        "| services | each with | lookup | exact | exact, cold | wildcard | miss | memory a host | compile | read the file |".into(),
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|".into(),
    ];
    let lines: Vec<String> = head.into_iter().chain(rows.iter().map(line)).collect();
    lines.join("\n") + "\n"
}

fn line(row: &Value) -> String {
    let number = |path: &str| row.pointer(path).and_then(Value::as_f64);
    let whole = |path: &str, unit: &str| {
        number(path).map_or("–".into(), |value| format!("{value:.0} {unit}"))
    };
    let services = number("/services").unwrap_or_default();
    let each = number("/hosts").unwrap_or_default() / services;
    let what = match row.pointer("/kind").and_then(Value::as_str) {
        Some("addresses") => "an address".into(),
        _ if each > 1.0 => format!("{each:.0} hosts"),
        _ => "a host".into(),
    };
    let cells = [
        format!("{services:.0}"),
        what,
        whole("/lookup_ns/index", "ns"),
        whole("/lookup_ns/exact", "ns"),
        whole("/lookup_ns/cold", "ns"),
        whole("/lookup_ns/wildcard", "ns"),
        whole("/lookup_ns/miss", "ns"),
        whole("/bytes_a_host", "B"),
        whole("/build_ms", "ms"),
        whole("/parse_ms", "ms"),
    ];
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_each_number_is() {
        let row = json!({
            "kind": "names", "services": 10, "hosts": 1000, "build_ms": 1.2, "bytes_a_host": 50.4,
            "lookup_ns": { "index": 30.0, "exact": 101.5, "cold": 202.0, "miss": 60.0 }, "parse_ms": 7.0,
        });
        assert_eq!(
            line(&row),
            "| 10 | 100 hosts | 30 ns | 102 ns | 202 ns | – | 60 ns | 50 B | 1 ms | 7 ms |"
        );
    }
}
