//! `cargo xtask demo`: real clients try real servers through the gateway, on this machine.
//!
//! Everything runs in network namespaces and cgroups of its own, with `config/egress.toml`, and all of
//! it goes at the end, also when the demo is interrupted.

mod table;

use std::fs;

use anyhow::{Context as _, Result, bail};
use egress_tests::{Gateway, Testbed, command, demo};

use crate::workspace::{root, say};
use crate::{gateway, install};

pub(crate) fn main() -> Result<()> {
    if !command::is_root() {
        bail!(
            "the demo needs root: it makes network namespaces and cgroups and loads kernel programs.\n\
             Run `sudo -E env PATH=\"$PATH\" cargo xtask demo`"
        );
    }
    install::testbed()?;
    gateway::build()?;
    say("making a node and an internet: two network namespaces with real servers");
    let bed = Testbed::new()?;
    let config = root().join("config/egress.toml");
    let config =
        fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    say("starting the gateway with config/egress.toml");
    let gateway = Gateway::start(&bed, &config)?;
    let mut results = Vec::new();
    for row in demo::ROWS {
        say(&format!("trying: {}", row.tried));
        results.push(demo::run(&bed, &gateway, row)?);
    }
    print!("{}", table::render(&results));
    let good = results.iter().filter(|result| result.as_expected()).count();
    let bad = results.len() - good;
    if bad > 0 {
        eprintln!("The gateway's own log:\n{}", gateway.output());
    }
    println!("demo: {good} as expected, {bad} otherwise");
    if bad > 0 {
        bail!(
            "{bad} of {} attempts went otherwise than expected",
            results.len()
        );
    }
    Ok(())
}
