//! `/v1/status` and `/v1/troubles`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the gateway is, and how it stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// `starting`, `ready` or `draining`.
    pub readiness: String,
    /// When it started.
    pub started: String,
    /// `enforce` or `audit`.
    pub mode: String,
    /// The policy in effect.
    pub policy_generation: u64,
    /// How many services the registry has.
    pub services: u64,
    /// The configuration file.
    pub config: String,
    /// The last time that it was read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reload: Option<Reload>,
    /// The files of namespaces, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Owned>,
    /// How many connections there are.
    pub connections: Places,
    /// What is known of the cluster's pods, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// What the diagnostics tell.
    pub log_level: String,
    /// The kernel's side, if it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
}

/// How a reload went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reload {
    /// When it was over.
    pub at: String,
    /// `applied`, or `refused`: the one before it stays in force.
    pub outcome: String,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What is known of a cluster's pods.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// `unsynced`, `stale`, `partial` or `synced`.
    pub state: String,
    /// Since when.
    pub since: String,
    /// How many pods are known.
    pub pods: u64,
    /// Why it is not `synced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The files that namespaces write.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Owned {
    /// How many there are.
    pub files: u64,
    /// How many of them something is wrong with.
    pub wrong: u64,
    /// The first of those.
    pub first: Vec<WrongFile>,
}

/// A namespace's file that something is wrong with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WrongFile {
    /// The namespace.
    pub namespace: String,
    /// What is in force: `part`, `last_good`, the last version that was right, or `nothing`.
    pub force: String,
    /// How many errors it has.
    pub errors: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Owned {
    /// The same without what quotes the files.
    #[must_use]
    pub fn without_errors(mut self) -> Self {
        for file in &mut self.first {
            file.error = None;
        }
        self
    }
}

/// How many connections there are, and may be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    /// Those that are joined.
    pub now: u64,
    /// `[limits] connections`.
    pub limit: u64,
    /// Since the gateway's start.
    pub accepted: u64,
}

/// The kernel's side.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kernel {
    /// Programs that ought to be attached, and are not.
    pub lacking: Vec<String>,
    /// What the programs have counted, by kind.
    pub counters: BTreeMap<String, u64>,
}

/// The last warnings and errors of the diagnostics, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Troubles {
    /// Them.
    pub troubles: Vec<Trouble>,
}

/// A warning or an error.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// When it was told.
    pub at: String,
    /// `WARN` or `ERROR`.
    pub level: String,
    /// The module that told it.
    pub module: String,
    /// What it told.
    pub text: String,
}
