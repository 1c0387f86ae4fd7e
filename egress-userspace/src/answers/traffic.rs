//! `/v1/services` and `/v1/connections`.

use serde::{Deserialize, Serialize};

/// Traffic by service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Services {
    /// Every service that anything is known of.
    pub services: Vec<Service>,
}

/// What one service has carried. Bytes are cumulative, with those of live connections.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its name, or Istio's for what has no service.
    #[serde(rename = "service")]
    pub name: String,
    /// Connections that are joined now.
    pub live: u64,
    /// Connections to an upstream made.
    pub opened: u64,
    /// Connections to an upstream ended.
    pub closed: u64,
    /// Connections that were denied or could not be made.
    pub failed: u64,
    /// From the upstream to the client, as Envoy counts.
    pub sent_bytes: u64,
    /// From the client to the upstream.
    pub received_bytes: u64,
}

/// Connections that are joined.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// Of which the list has a part.
    pub total: u64,
    /// Those that were asked for.
    pub connections: Vec<Connection>,
}

/// A live connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// The access log's `conn_id`.
    pub id: u64,
    /// Where its client is.
    pub client: String,
    /// Where the client wanted to go.
    pub dst: String,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The name that was sent, or told for the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The service that admits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `allow`, or `audit`: enforcement would have denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// With `audit`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who opened it.
    pub caller: Caller,
    /// Milliseconds since it was joined.
    pub age_ms: u64,
    /// From the upstream to the client.
    pub bytes_sent: u64,
    /// From the client to the upstream.
    pub bytes_received: u64,
    /// The policy that admitted it.
    pub policy_generation: u64,
}

/// Who opened a connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// Process id.
    pub pid: u32,
    /// Real user id.
    pub uid: u32,
    /// Executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Path below the cgroup v2 mount; the number of one that is gone.
    pub cgroup: String,
    /// As `namespace/name`, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The listener that a caller of another node came to; then there is no process and no cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
}
