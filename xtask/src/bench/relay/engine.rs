//! The engines, each in a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::Process;

use crate::workspace::target;

/// As `egress-userspace/examples/relay.rs` calls them.
pub(super) const ENGINES: [&str; 6] = [
    "auto",
    "splice",
    "copy",
    BASELINE,
    "tokio-copy",
    "tokio-copy-64k",
];

/// What the others are compared with.
pub(super) const BASELINE: &str = "tokio-splice";

/// Far more than a process takes to listen.
const START: Duration = Duration::from_secs(10);

/// A relay at work.
#[derive(Debug)]
pub(super) struct Engine {
    process: Process,
    address: SocketAddr,
}

impl Engine {
    /// Starts one that leads to `upstream`.
    pub(super) fn start(binary: &Path, name: &str, upstream: SocketAddr) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args([name, &upstream.to_string()]);
        let process = started(&mut command, name)?;
        let said = process.output();
        let address = said.trim().parse();
        let address = address.with_context(|| format!("no address: {said}"))?;
        Ok(Self { process, address })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it has run on a processor, in all. It has one thread, which is the one that this file
    /// is about (`proc_pid_schedstat` of proc(5)): in nanoseconds, where `stat` counts ticks. What the
    /// kernel does for it on the way, in softirqs too, is in it, as it is in a cgroup's `cpu.stat`.
    pub(super) fn worked(&self) -> Result<Duration> {
        let path = format!("/proc/{}/schedstat", self.process.pid());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let run = text.split(' ').next().unwrap_or_default().parse();
        let run = run.with_context(|| format!("{path} has no time: {text}"))?;
        Ok(Duration::from_nanos(run))
    }
}

/// Starts a process and waits for its first line.
pub(super) fn started(command: &mut Command, name: &str) -> Result<Process> {
    let log = target("bench").join(format!("relay-{name}.log"));
    let mut process = Process::spawn(command, &log)?;
    let is_ready = || fs::read_to_string(&log).is_ok_and(|said| said.ends_with('\n'));
    process.ready(START, is_ready)?;
    Ok(process)
}
