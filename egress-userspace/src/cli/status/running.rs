//! What the running gateway says of itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cli::ask::Asker;
use crate::cli::plain::plain;

/// The gateway's own status; what of it this version does not know is left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Running {
    pub(super) pid: u32,
    readiness: String,
    mode: String,
    policy_generation: u64,
    services: usize,
    config: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reload: Option<Reload>,
    connections: Connections,
    log_level: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Reload {
    at: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Connections {
    now: u64,
    limit: u64,
    accepted: u64,
}

impl Running {
    /// What a gateway answers; `None`: none does.
    pub(super) fn ask(asker: &Asker) -> Option<Self> {
        asker.get_now("/v1/status").ok()
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections {
            now,
            limit,
            accepted,
        } = &self.connections;
        writeln!(
            f,
            "{}: mode {}, policy {} with {} services from {}",
            plain(&self.readiness),
            plain(&self.mode),
            self.policy_generation,
            self.services,
            plain(&self.config)
        )?;
        writeln!(
            f,
            "connections: {now} of {limit} at once, {accepted} since the start"
        )?;
        let Some(reload) = &self.last_reload else {
            return Ok(());
        };
        let (at, outcome) = (plain(&reload.at), plain(&reload.outcome));
        writeln!(f, "last reload: {outcome} at {at}")?;
        for line in reload.error.iter().flat_map(|error| error.lines()) {
            writeln!(f, "  {}", plain(line))?;
        }
        Ok(())
    }
}
