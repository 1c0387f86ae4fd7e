//! What the gateway is, and how it stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use tracing::warn;

use crate::account::Timestamp;
use crate::types::Mode;

use super::{Api, Reload};

/// The whole status.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    pid: u32,
    readiness: String,
    started: Timestamp,
    mode: &'static str,
    policy_generation: u64,
    services: usize,
    config: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reload: Option<Reload>,
    connections: Connections,
    log_level: String,
    /// Left out if it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Kernel>,
}

#[derive(Debug, Serialize)]
struct Connections {
    /// Those that are joined.
    now: usize,
    limit: u32,
    /// Since the gateway's start.
    accepted: u64,
}

#[derive(Debug, Serialize)]
struct Kernel {
    /// Programs that ought to be attached, and are not.
    lacking: Vec<&'static str>,
    counters: BTreeMap<&'static str, u64>,
}

impl Api {
    pub(super) fn status(&self) -> Status {
        let kernel = self.kernel();
        let standing = self.standing.borrow().clone();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            readiness: self.readiness.borrow().to_string(),
            started: self.started.into(),
            mode: match standing.mode {
                Mode::Enforce => "enforce",
                Mode::Audit => "audit",
            },
            policy_generation: standing.generation.0,
            services: standing.services,
            config: standing.config,
            last_reload: standing.last_reload,
            connections: Connections {
                now: self.gateway.connections.count(),
                limit: standing.limit,
                accepted: self.gateway.accepted(),
            },
            log_level: self.diagnostics.levels.now(),
            kernel,
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        let counters = self.kernel.counters.read();
        let counters =
            counters.inspect_err(|error| warn!(%error, "the kernel's counters cannot be read"));
        let programs = self.kernel.attachments.read().into_iter();
        let lacking = programs.filter(|(_, attached)| !attached);
        Some(Kernel {
            lacking: lacking.map(|(program, _)| program).collect(),
            counters: counters.ok()?.into_iter().collect(),
        })
    }
}
