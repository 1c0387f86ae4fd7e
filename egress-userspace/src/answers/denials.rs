//! `/v1/denied`.

use serde::{Deserialize, Serialize};

/// What was denied most often.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Denials {
    /// All since the gateway's start, and all that audit mode let through.
    pub total: u64,
    /// Rows that made way for others.
    pub evicted: u64,
    /// Those that came most often, first.
    pub denied: Vec<Denial>,
}

/// What was denied, to whom, and how often.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Denial {
    /// The name that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the client wanted to go; of a lookup the server that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The port there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `deny`, or `audit`: it was let through.
    pub verdict: String,
    /// Why, as a label.
    pub reason: String,
    /// Why, in words.
    pub meaning: String,
    /// The service that denies it, or comes nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The caller's cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// The caller's executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: String,
    /// The last time.
    pub last: String,
    /// A `[[service]]` that would allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

impl Denial {
    /// Where the client wanted to go, as the access log writes addresses.
    pub fn destination(&self) -> Option<String> {
        let address = self.address.as_deref()?;
        Some(match self.port {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address.to_owned(),
        })
    }
}
