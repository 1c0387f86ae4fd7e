//! What a running gateway holds: memory, descriptors, and entries in the kernel's tables.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command;
use crate::gateway::binary;
use crate::scene::Scene;

/// How much a gateway holds at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Resident memory, in KiB.
    pub memory: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Handshakes between their two ends (`FLOWS`).
    pub flows: u64,
    /// Network namespaces with listeners (`NETNS`).
    pub namespaces: u64,
}

impl Footprint {
    /// Of a scene's gateway, as `/proc` and `egress status` show it.
    pub fn of(scene: &Scene) -> Result<Self> {
        let (binary, pins) = (binary()?, scene.bed.pins());
        let mut command = scene.bed.outside().command(&binary.to_string_lossy());
        command.args(["status", "--json", "--bpffs"]).arg(pins);
        Self::measure(scene.gateway.pid(), &status(&mut command)?)
    }

    /// Of the process with this id, of which `egress status` says this.
    pub(crate) fn measure(pid: u32, status: &Value) -> Result<Self> {
        Ok(Self {
            memory: resident(pid)?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
            flows: entries(status, "FLOWS")?,
            namespaces: entries(status, "NETNS")?,
        })
    }
}

fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.with_context(|| status.clone())?.parse()?)
}

/// What `egress status --json` says, whatever it says with its exit status.
pub(crate) fn status(command: &mut Command) -> Result<Value> {
    let output = command::output(command)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))
}

fn entries(status: &Value, name: &str) -> Result<u64> {
    let maps = status.pointer("/maps").and_then(Value::as_array);
    let mut maps = maps.into_iter().flatten();
    let map = maps.find(|map| map.pointer("/name") == Some(&name.into()));
    map.and_then(|map| map.pointer("/entries")?.as_u64())
        .with_context(|| format!("no {name} in {status}"))
}
