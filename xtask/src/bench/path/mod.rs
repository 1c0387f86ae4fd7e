//! `cargo xtask bench`: the data path beside its peers, in one run on one machine.
//!
//! A machine drifts: it warms up, others use it. So one relay runs at a time, each round measures all of
//! them one after the other, each round begins with another one, and it is the ratio within a round that
//! counts.

mod cgroup;
mod chart;
mod columns;
mod load;
mod measure;
mod peers;
mod relay;
mod report;
mod results;
mod sample;
pub(super) mod soak;
mod stage;
pub(super) mod syscalls;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use egress_tests::command;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::columns::Load;
use self::relay::Relay;
use self::report::Report;
use self::results::Results;
use self::stage::Stage;
use self::tools::Tools;
use super::machine::Machine;
use crate::workspace::{say, target};

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Each measures every relay once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each load runs
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Only these relays
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Relay::ALL)]
    relays: Vec<Relay>,
    /// Only the columns of these loads
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Load::ALL)]
    columns: Vec<Load>,
    /// The congestion control of every socket, for which the relay sets no other; none: the machine's own.
    /// What paces what it sends, as BBR does, is slow over loopback
    #[arg(long)]
    congestion_control: Option<String>,
    /// Measure this build of the gateway, and build none: so two versions can be compared
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Draw the table to this file, as SVG
    #[arg(long)]
    chart: Option<PathBuf>,
}

pub(super) fn main(args: &Options) -> Result<()> {
    prepare("bench")?;
    let tools = Tools::ready(&args.relays, args.gateway.as_deref())?;
    let machine = Machine::now()?;
    let stage = Stage::new(&tools, args.seconds)?;
    if let Some(name) = &args.congestion_control {
        stage.control_congestion_by(name)?;
    }
    let mut results = Results::new(&args.relays);
    for round in 0..args.rounds {
        let first = round % args.relays.len().max(1);
        let order = args.relays.iter().cycle().skip(first);
        for relay in order.take(args.relays.len()).copied() {
            say(&format!(
                "round {} of {}: {}",
                round + 1,
                args.rounds,
                relay.name()
            ));
            let mut values = Vec::new();
            let measured = measure::all(&stage, relay, &args.columns, &mut values);
            results.push(round, relay, values);
            // The others' numbers are none the worse for it; the table shows what is not there.
            if let Err(error) = measured {
                results.fail(round, relay, &error);
            }
        }
    }
    let report = Report {
        machine,
        seconds: args.seconds,
        congestion_control: stage.congestion_control()?,
        versions: tools.versions(&args.relays),
        results,
    };
    let json = target("bench/path.json");
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    fs::write(&json, report.json()).with_context(|| format!("cannot write {}", json.display()))?;
    print!("{}", report.table());
    if let Some(path) = &args.chart {
        fs::write(path, chart::chart(&report.results))
            .with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    say(&format!("wrote {}", json.display()));
    report.results.failures()
}

/// Puts a gateway under each load once, for so many seconds, to no other end. The process has been [`prepare`]d.
pub(crate) fn exercise(gateway: &Path, seconds: u32) -> Result<()> {
    let relays = [Relay::Egress, Relay::EgressAddress];
    let tools = Tools::ready(&relays, Some(gateway))?;
    let stage = Stage::new(&tools, seconds)?;
    relays
        .iter()
        .try_for_each(|relay| measure::all(&stage, *relay, &Load::ALL, &mut Vec::new()))
}

/// Root, and as many descriptors as the machine lets a process have: every relay and every load inherits
/// them.
pub(crate) fn prepare(task: &str) -> Result<()> {
    if !command::is_root() {
        bail!(
            "the measurement needs root: it makes network namespaces and cgroups and loads kernel programs.\n\
             Run `sudo -E env PATH=\"$PATH\" cargo xtask {task}`"
        );
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the limit on descriptors")
}
