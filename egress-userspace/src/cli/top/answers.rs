//! What the admin API answers, as far as it is shown. What a newer gateway says beside it is passed over,
//! and what an older one does not say is nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `/v1/status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) pid: u32,
    /// `starting`, `ready` or `draining`.
    pub(super) readiness: String,
    pub(super) started: String,
    pub(super) mode: String,
    pub(super) policy_generation: u64,
    pub(super) services: u64,
    pub(super) last_reload: Option<Reload>,
    pub(super) connections: Places,
    pub(super) kernel: Option<Kernel>,
}

/// How the last reload went.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reload {
    pub(super) at: String,
    pub(super) error: Option<String>,
}

/// How many connections there are, and may be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Places {
    pub(super) now: u64,
    pub(super) limit: u64,
    pub(super) accepted: u64,
}

/// The kernel's side.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Kernel {
    pub(super) lacking: Vec<String>,
    pub(super) counters: BTreeMap<String, u64>,
}

/// `/v1/services`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Services {
    pub(super) services: Vec<Service>,
}

/// What one service has carried. Bytes are cumulative, with those of live connections.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    #[serde(rename = "service")]
    pub(super) name: String,
    pub(super) live: u64,
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) failed: u64,
    /// From the upstream to the client, as Envoy counts.
    pub(super) sent_bytes: u64,
    /// From the client to the upstream.
    pub(super) received_bytes: u64,
}

/// `/v1/connections`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Connections {
    /// Of which the list has a part.
    pub(super) total: u64,
    pub(super) connections: Vec<Connection>,
}

/// A live connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) client: String,
    pub(super) dst: String,
    pub(super) upstream: Option<String>,
    pub(super) name: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) service: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) verdict: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) caller: Caller,
    pub(super) age_ms: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) policy_generation: u64,
}

/// Whose it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Caller {
    pub(super) pid: u32,
    pub(super) uid: u32,
    pub(super) exe: Option<String>,
    pub(super) cgroup: String,
}

/// `/v1/denied`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denials {
    /// All since the gateway's start.
    pub(super) total: u64,
    /// Rows that made way for others.
    pub(super) evicted: u64,
    pub(super) denied: Vec<Denial>,
}

/// What was denied, to whom, and how often.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denial {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) protocol: Option<String>,
    pub(super) verdict: String,
    pub(super) reason: String,
    pub(super) meaning: String,
    pub(super) service: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) cgroup: Option<String>,
    pub(super) exe: Option<String>,
    pub(super) count: u64,
    pub(super) first: String,
    pub(super) last: String,
    /// What in the configuration would allow it.
    pub(super) allow: Option<String>,
}
