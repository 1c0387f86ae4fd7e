//! What an operator sets. The configuration has the defaults and their reasons.

use std::net::SocketAddr;
use std::time::Duration;

use crate::types::Locality;

/// How connections are made.
#[derive(Clone, Debug)]
pub struct DialSettings {
    /// For all attempts of one connection together, unless its service says otherwise.
    pub connect_timeout: Duration,
    /// How long an attempt has before the next address is tried beside it.
    pub attempt_delay: Duration,
    /// How long after an answer has run out its addresses are still the name's.
    pub grace: Duration,
    /// Where this node is; endpoints near it come first.
    pub locality: Option<Locality>,
}

/// How names are resolved.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Servers to ask; none: those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// For one lookup with all its attempts.
    pub timeout: Duration,
    /// How often a lookup is tried, at least once.
    pub attempts: u8,
    /// How many responses are kept: one for each name and family.
    pub cache_size: u64,
    /// The longest that an answer is kept.
    pub max_ttl: Duration,
}
