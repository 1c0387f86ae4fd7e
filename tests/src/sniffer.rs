//! A witness on the inet's end of the cable: which packets came out of the node.

use std::cell::Cell;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;

use crate::bed::Testbed;
use crate::net;
use crate::process::Process;
use crate::wait::wait_until;

const SCRIPT: &str = include_str!("scripts/sniffer.py");

/// The inet's end of the cable to the node.
const INTERFACE: &str = "node";
/// Python starts in a fraction of a second, and packets arrive sooner; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(20);
/// The most cables between a sender and the inet: out of a namespace in a pod, out of the pod, out of
/// the node; and one to be sure.
const HOPS: u32 = 4;
/// The discard port (RFC 863). Nothing listens there, and nothing needs to.
const DISCARD: u16 = 9;

/// A running witness.
#[derive(Debug)]
pub struct Sniffer<'a> {
    bed: &'a Testbed,
    process: Process,
    marks: Cell<u32>,
}

/// A packet that arrived on the inet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// IANA's protocol number.
    pub protocol: u64,
    /// Its source address.
    pub source: String,
    /// Its destination address.
    pub destination: String,
    /// Its destination port; 0 if its protocol has none.
    pub port: u64,
    /// The token in it; empty if there is none.
    pub token: String,
}

impl<'a> Sniffer<'a> {
    pub(crate) fn start(bed: &'a Testbed) -> Result<Self> {
        let mut python = bed.inet().command("python3");
        python.args(["-u", "-c", SCRIPT, INTERFACE]);
        let log: PathBuf = bed.dir().join("sniffer.log");
        let mut process = Process::spawn(&mut python, &log)?;
        process.ready(SOON, || log_has(&log, "ready"))?;
        Ok(Self {
            bed,
            process,
            marks: Cell::new(0),
        })
    }

    /// All packets that were sent before the call, and perhaps some later ones.
    ///
    /// Cables deliver in order, but on the CPU that sent; each delivery of a mark takes what was sent
    /// there before it one cable further. So a mark goes out on every CPU, once for each cable.
    pub fn packets(&self) -> Result<Vec<Packet>> {
        for _ in 0..HOPS {
            for cpu in 0..thread::available_parallelism()?.get() {
                self.mark(cpu)?;
            }
        }
        let all = self.process.output();
        Ok(all.lines().filter_map(Packet::parse).collect())
    }

    fn mark(&self, cpu: usize) -> Result<()> {
        let number = self.marks.replace(self.marks.get() + 1);
        let mark = format!("t0k-0-{number}-k0t");
        self.bed.net().on_node(|| {
            let mut cpus = CpuSet::new();
            cpus.set(cpu)?;
            sched_setaffinity(Pid::from_raw(0), &cpus)?;
            let socket = UdpSocket::bind((net::NODE_V4, 0))?;
            socket.send_to(mark.as_bytes(), (net::INET_V4, DISCARD))
        })??;
        let seen = wait_until("the mark is seen", SOON, || {
            self.process.output().contains(&mark).then_some(())
        });
        seen.with_context(|| self.process.output())
    }
}

impl Packet {
    /// A line of the witness; `None` for the line that says it is ready, and for marks.
    fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |key| line.get(key)?.as_str().map(String::from);
        let packet = Self {
            protocol: line.get("protocol")?.as_u64()?,
            source: text("source")?,
            destination: text("destination")?,
            port: line.get("port")?.as_u64()?,
            token: text("token")?,
        };
        (!packet.token.starts_with("t0k-0-")).then_some(packet)
    }
}

fn log_has(log: &PathBuf, text: &str) -> bool {
    std::fs::read_to_string(log).is_ok_and(|all| all.contains(text))
}
