//! `cargo xtask bench hooks`: every row with the gateway and without, in rotation.
//!
//! A machine drifts: it warms up, others use it. So no row is measured on all at once and then off; each
//! round measures all of them both ways, side by side, and it is the ratio within a round that counts.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use aya::sys::{Stats, enable_stats};
use egress_tests::{Gateway, Pod, Testbed, command};

use super::machine::Machine;
use super::programs::{self, Run};
use super::report::{Measured, Report};
use super::rows::{CONFIG, PORTS, REFUSED, ROWS, Row, Who};
use crate::workspace::{say, target};
use crate::{gateway, install};

/// Enough for a median and a spread, and less than a minute in all.
const ROUNDS: usize = 9;

/// The places that rows are measured in.
struct Stage<'a> {
    bed: &'a Testbed,
    pod: Pod<'a>,
}

pub(super) fn main() -> Result<()> {
    if !command::is_root() {
        bail!(
            "the measurement needs root: it makes network namespaces and cgroups and loads kernel programs.\n\
             Run `sudo -E env PATH=\"$PATH\" cargo xtask bench hooks`"
        );
    }
    install::testbed()?;
    let binary = gateway::build_release()?;
    let machine = Machine::now()?;
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let stage = Stage { bed: &bed, pod };
    serve(&bed)?;
    let mut rows: Vec<_> = ROWS.iter().map(Measured::new).collect();
    for round in 0..ROUNDS {
        say(&format!("round {} of {ROUNDS}", round + 1));
        // Off and on take turns in being first.
        let first = round % 2 == 0;
        let mut both = [stage.half(&binary, first)?, stage.half(&binary, !first)?];
        if first {
            both.reverse();
        }
        let [off, on] = both;
        for ((row, off), on) in rows.iter_mut().zip(off).zip(on) {
            row.push(off, on);
        }
    }
    say("the same once more with the kernel's own statistics, which cost something themselves");
    let runs = stage.runs(&binary)?;
    let report = Report {
        machine,
        rounds: ROUNDS,
        rows,
        runs,
    };
    let json = target("bench/hooks.json");
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    fs::write(&json, report.json()).with_context(|| format!("cannot write {}", json.display()))?;
    print!("{}", report.table());
    say(&format!("wrote {}", json.display()));
    Ok(())
}

impl Stage<'_> {
    /// All rows, with a gateway of their own or without one.
    fn half(&self, binary: &Path, on: bool) -> Result<Vec<f64>> {
        let _gateway = on
            .then(|| Gateway::start_binary(self.bed, binary, CONFIG))
            .transpose()?;
        // What is off must be off, and what is on must be on, or the numbers are of something else.
        ensure!(
            self.measure(&REFUSED).is_err() == on,
            "{} went otherwise than it should",
            REFUSED.name
        );
        self.rows()
    }

    /// What each program did during all rows.
    fn runs(&self, binary: &Path) -> Result<BTreeMap<String, Run>> {
        // They are kept for as long as this is open.
        let _stats = enable_stats(Stats::RunTime).context("cannot turn on BPF statistics")?;
        let gateway = Gateway::start_binary(self.bed, binary, CONFIG)?;
        self.rows()?;
        programs::of(gateway.pid())
    }

    fn rows(&self) -> Result<Vec<f64>> {
        ROWS.iter().map(|row| self.measure(row)).collect()
    }

    /// Nanoseconds for one.
    fn measure(&self, row: &Row) -> Result<f64> {
        let client = match row.who {
            Who::Governed => self.bed.governed(),
            Who::Ungoverned => self.bed.outside(),
            Who::Pod => self.pod.client(),
        };
        let program = env::current_exe().context("cannot find this program")?;
        let outcome = client.run(
            &program.to_string_lossy(),
            &["bench", "client", row.load.argument(), row.to],
        )?;
        let said = outcome.text();
        said.parse()
            .with_context(|| format!("{}: {said}", row.name))
    }
}

/// Listens on the inet, for as long as this process lives. A connection is held until its client ends
/// it; datagrams are never read, so that all the receiver does is to find its buffer full.
fn serve(bed: &Testbed) -> Result<()> {
    let any = Ipv4Addr::UNSPECIFIED;
    for port in PORTS {
        let listener = bed.net().on_inet(|| TcpListener::bind((any, port)))??;
        thread::spawn(move || {
            for stream in listener.incoming() {
                // The end is a reset, which is an error.
                stream.and_then(|mut s| s.read(&mut [0])).ok();
            }
        });
        let datagrams = bed.net().on_inet(|| UdpSocket::bind((any, port)))??;
        thread::spawn(move || {
            let _open = datagrams;
            loop {
                thread::park();
            }
        });
    }
    Ok(())
}
