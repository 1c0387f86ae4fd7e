//! What comes of orders.

use serde::{Deserialize, Serialize};

/// `/v1/reload`: what is in force now.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reloaded {
    /// The policy.
    pub policy_generation: u64,
    /// How many services its registry has.
    pub services: u64,
}

/// `/v1/log-level`: what the diagnostics tell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLevel {
    /// As in `EGRESS_LOG`.
    pub log_level: String,
}

/// Why a request has no other answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason.
    pub error: String,
}
