//! `cargo xtask bench reload`: what a large registry's reload costs those who connect meanwhile.
//!
//! A connection is timed from `connect()` to the first byte of a server behind the gateway. Rounds
//! without reloads and rounds with one after the other take turns.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use egress_tests::{Gateway, Scene, Testbed, command};
use nix::sys::signal::Signal;
use serde_json::json;

use super::machine::Machine;
use super::summary::{Summary, at};
use crate::workspace::{say, target};
use crate::{gateway, install};

/// The registry's size, and in how many services its hosts are.
const HOSTS: u32 = 1_000_000;
const PER_SERVICE: u32 = 100;
/// Pairs of rounds, each this long: several reloads.
const ROUNDS: usize = 3;
const SECONDS: u64 = 10;
/// Where the server is that the gateway dials.
const SERVER: &str = "203.0.113.200";
const PORT: u16 = 7001;

/// What one round saw, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Round {
    p50: f64,
    p99: f64,
}

pub(super) fn main() -> Result<()> {
    if !command::is_root() {
        bail!(
            "the measurement needs root: it makes network namespaces and cgroups and loads kernel programs.\n\
             Run `sudo -E env PATH=\"$PATH\" cargo xtask bench reload`"
        );
    }
    install::testbed()?;
    let binary = gateway::build_release()?;
    let machine = Machine::now()?;
    let bed = Testbed::new()?;
    serve(&bed)?;
    let config = config(HOSTS);
    let begun = Instant::now();
    let scene = Scene::on(bed, |bed| Gateway::start_binary(bed, &binary, &config))?;
    let started = begun.elapsed();
    let memory = resident(&scene)?;
    let (mut quiet, mut during, mut reloads) = (Vec::new(), Vec::new(), Vec::new());
    let mut generation = 1;
    for round in 0..ROUNDS {
        say(&format!("round {} of {ROUNDS}", round + 1));
        quiet.push(connects(&scene)?);
        let over = AtomicBool::new(false);
        let (seen, took) = thread::scope(|scope| {
            let storm = scope.spawn(|| storm(&scene, generation, &over));
            let seen = connects(&scene);
            over.store(true, Ordering::Relaxed);
            (seen, storm.join().expect("the storm does not panic"))
        });
        during.push(seen?);
        let took = took?;
        generation += took.len() as u64;
        reloads.extend(took);
    }
    let report = json!({
        "machine": { "kernel": machine.kernel, "cores": machine.cores, "load_before": machine.load },
        "hosts": HOSTS,
        "bytes": config.len(),
        "start_s": started.as_secs_f64(),
        "resident_bytes": { "started": memory, "after_reloads": resident(&scene)? },
        "reloads": reloads.len(),
    });
    let table = table(&quiet, &during, &reloads);
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    fs::write(target("bench/reload.json"), format!("{report:#}\n"))
        .context("cannot write target/bench/reload.json")?;
    print!("{report:#}\n\n{table}");
    Ok(())
}

/// Reads the same file again and again until it is `over`; gives the seconds that each time took.
fn storm(scene: &Scene, mut generation: u64, over: &AtomicBool) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) {
        generation += 1;
        let begun = Instant::now();
        scene.gateway.signal(Signal::SIGHUP)?;
        scene.reloaded(generation)?;
        took.push(begun.elapsed().as_secs_f64());
    }
    Ok(took)
}

/// One round's connections.
fn connects(scene: &Scene) -> Result<Round> {
    let program = env::current_exe().context("cannot find this program")?;
    let outcome = scene.governed().run(
        &program.to_string_lossy(),
        &[
            "bench",
            "greeted",
            &format!("{SERVER}:{PORT}"),
            &SECONDS.to_string(),
        ],
    )?;
    let said = outcome.text();
    let each: Vec<f64> = said
        .split(' ')
        .map(|word| word.parse().with_context(|| said.clone()))
        .collect::<Result<_>>()?;
    Ok(Round {
        p50: at(&each, 0.50),
        p99: at(&each, 0.99),
    })
}

/// A registry of so many hosts, and the service that is connected to.
fn config(hosts: u32) -> String {
    let mut text = format!(
        "[[service]]\nname = \"server\"\naddresses = [\"{SERVER}\"]\n\
         ports = [{{ number = {PORT}, protocol = \"TCP\" }}]\nresolution = \"STATIC\"\n\
         endpoints = [{{ address = \"{SERVER}\" }}]\n"
    );
    for first in (0..hosts).step_by(PER_SERVICE as usize) {
        let names: Vec<_> = (first..first + PER_SERVICE)
            .map(|n| format!("\"host-{n}.zone-{}.example.com\"", n % 997))
            .collect();
        // Writing to a text can't fail.
        let _ = write!(
            text,
            "[[service]]\nname = \"service-{first}\"\nhosts = [{}]\n\
             ports = [{{ number = 443, protocol = \"TLS\" }}]\nresolution = \"DYNAMIC_DNS\"\n",
            names.join(", ")
        );
    }
    text
}

/// Greets everyone on the inet with a byte, for as long as this process lives.
fn serve(bed: &Testbed) -> Result<()> {
    let any = Ipv4Addr::UNSPECIFIED;
    let listener = bed.net().on_inet(|| TcpListener::bind((any, PORT)))??;
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Who has gone already need not be greeted.
            stream.and_then(|mut stream| stream.write_all(b"!")).ok();
        }
    });
    Ok(())
}

/// The gateway's memory, in bytes.
fn resident(scene: &Scene) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", scene.gateway.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib * 1024)
}

fn table(quiet: &[Round], during: &[Round], reloads: &[f64]) -> String {
    let row = |name: &str, pick: fn(&Round) -> f64| {
        let [quiet, during]: [Vec<f64>; 2] =
            [quiet, during].map(|rounds| rounds.iter().map(pick).collect());
        let ratios: Vec<_> = during.iter().zip(&quiet).map(|(d, q)| d / q).collect();
        let micros = |values: &[f64]| Summary::of(values).median / 1e3;
        let Summary { median, min, max } = Summary::of(&ratios);
        format!(
            "| {name} | {:.0} µs | {:.0} µs | {median:.2} ({min:.2}–{max:.2}) |\n",
            micros(&quiet),
            micros(&during)
        )
    };
    let Summary { median, min, max } = Summary::of(reloads);
    format!(
        "| connect to first byte | quiet | during reloads | during ÷ quiet, median (min–max) |\n|---|--:|--:|--:|\n{}{}\n\
         A reload of {HOSTS} hosts took {median:.2} s ({min:.2}–{max:.2}), {} of them.\n",
        row("median", |round| round.p50),
        row("99th percentile", |round| round.p99),
        reloads.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_two_rounds_side_by_side() {
        let round = |p50| Round {
            p50,
            p99: 2.0 * p50,
        };
        let quiet = [1e5, 2e5, 1e5].map(round);
        let during = [2e5, 2e5, 3e5].map(round);
        let table = table(&quiet, &during, &[1.0]);
        assert!(
            table.contains("| median | 100 µs | 200 µs | 2.00 (1.00–3.00) |"),
            "{table}"
        );
    }
}
