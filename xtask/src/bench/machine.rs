//! What the numbers were measured on.

use std::fmt;
use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What of a machine matters to the numbers, as far as it can be known.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) kernel: String,
    pub(super) cores: usize,
    /// How many processes wanted to run, in the last minute before: noise.
    pub(super) load: String,
}

impl Machine {
    /// This one, as it is now.
    pub(super) fn now() -> Result<Self> {
        let read =
            |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let load = read("/proc/loadavg")?;
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease")?.trim().into(),
            cores: available_parallelism().map_or(1, NonZero::get),
            load: load.split(' ').next().unwrap_or_default().into(),
        })
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let Self {
            kernel,
            cores,
            load,
        } = self;
        json!({ "kernel": kernel, "cores": cores, "load_before": load })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            cores,
            load,
        } = self;
        write!(
            f,
            "Linux {kernel}, {cores} cores, load average {load} before"
        )
    }
}
