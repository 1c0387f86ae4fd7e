//! `cargo xtask bench relay`: what moving bytes costs, by the engine that moves them.
//!
//! Each engine is a process of its own, `egress-userspace/examples/relay.rs`, between the same clients and
//! the same server. They take turns, in an order that turns too: what else the machine does in the
//! meantime falls on all of them, and ratios are of measurements of one round.

mod engine;
mod load;
mod report;

use std::fs;

use anyhow::{Context as _, Result};

use super::machine::Machine;
use super::release;
use crate::workspace::{say, target};

use engine::{ENGINES, Engine};
use load::{ROWS, Server};
use report::{Measured, Report};

/// How long to measure.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Rounds; in each, every engine is measured once in every row
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// JSON instead of tables
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<()> {
    say("building the engines and the load");
    let engine = release::example("relay")?;
    let load = release::binary("egress-load", "egress-load")?;
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    let machine = Machine::now()?;
    let server = Server::start(&load)?;
    let engines = ENGINES
        .iter()
        .map(|name| Engine::start(&engine, name, server.address()))
        .collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<_> = ROWS.iter().map(Measured::new).collect();
    for round in 0..args.rounds {
        say(&format!("round {} of {}", round + 1, args.rounds));
        for measured in &mut rows {
            for turn in 0..engines.len() {
                let which = (turn + round as usize) % engines.len();
                if let Some(engine) = engines.get(which) {
                    let cost = measured.row().measure(&load, engine, args.seconds)?;
                    measured.push(which, cost);
                }
            }
        }
    }
    let report = Report {
        machine,
        rounds: args.rounds,
        seconds: args.seconds,
        rows,
    };
    let file = target("bench/relay.json");
    fs::write(&file, report.json()).with_context(|| format!("cannot write {}", file.display()))?;
    if args.json {
        print!("{}", report.json());
    } else {
        print!("{}", report.tables());
    }
    say(&format!("wrote {}", file.display()));
    Ok(())
}
