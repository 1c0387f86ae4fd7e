//! What the gateway goes by, and how its last reload went.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;

use crate::account::Timestamp;
use crate::policy::Surroundings;
use crate::types::{Generation, Mode};

/// What the gateway goes by.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The configuration file.
    pub config: PathBuf,
    /// Whether denials take effect.
    pub mode: Mode,
    /// How many services the registry has.
    pub services: usize,
    /// The policy in effect.
    pub generation: Generation,
    /// How many connections there may be.
    pub limit: u32,
    /// What is not judged at all.
    pub surroundings: Surroundings,
    /// The last time that the configuration was read again.
    pub last_reload: Option<Reload>,
}

/// How a reload went.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    /// When it was over.
    pub(crate) at: Timestamp,
    /// `applied`, or `refused`: the one before it stays in force.
    pub outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Reload {
    /// One that is over now.
    pub(crate) fn new(outcome: &Result<Reloaded, String>) -> Self {
        Self {
            at: SystemTime::now().into(),
            outcome: if outcome.is_ok() {
                "applied"
            } else {
                "refused"
            },
            error: outcome.as_ref().err().cloned(),
        }
    }
}

/// What a reload brought.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reloaded {
    /// The policy in effect.
    pub policy_generation: u64,
    /// How many services its registry has.
    pub services: usize,
}
