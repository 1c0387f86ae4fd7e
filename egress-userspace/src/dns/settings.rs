//! What an operator sets. The configuration has the defaults and their reasons.

use std::net::SocketAddr;
use std::time::Duration;

use crate::types::{HostName, Mode, OutboundTrafficPolicy};

/// Which queries of governed processes the gateway answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// None: they do not come to it.
    Off,
    /// Those for names that a service has for the caller.
    Allowed,
    /// All.
    All,
}

/// How queries are judged and forwarded.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// Which queries are answered.
    pub scope: Scope,
    /// Whether denials take effect.
    pub mode: Mode,
    /// What happens to what no service admits.
    pub outbound: OutboundTrafficPolicy,
    /// The gateway's own servers.
    pub servers: Vec<SocketAddr>,
    /// Further servers that governed processes may ask.
    pub resolvers: Vec<SocketAddr>,
    /// Names in and below these are forwarded without a service.
    pub internal_domains: Vec<HostName>,
    /// For one query with all its attempts.
    pub timeout: Duration,
    /// How often a server is tried, at least once.
    pub attempts: u8,
    /// The longest that a TTL is taken for.
    pub max_ttl: Duration,
    /// How long after its TTL a name still stands for an address.
    pub grace: Duration,
    /// The longest name that is forwarded.
    pub max_name: usize,
    /// Queries of one caller.
    pub queries_per_second: u32,
    /// Names that are remembered of one caller.
    pub names_per_caller: usize,
}

impl ForwardSettings {
    /// Whether governed processes may ask `server`. One of the loopback network is their own stub, in
    /// their own namespace: what it would ask, the gateway's servers are asked.
    pub(super) fn approves(&self, server: SocketAddr) -> bool {
        server.ip().is_loopback()
            || self.servers.contains(&server)
            || self.resolvers.contains(&server)
    }

    /// Who is asked what a process asked of `server`: that server, unless it is the process's own stub.
    pub(super) fn upstreams(&self, server: SocketAddr) -> Vec<SocketAddr> {
        if server.ip().is_loopback() {
            self.servers.clone()
        } else {
            vec![server]
        }
    }

    /// Whether `name` is one of `internal_domains`, or below one.
    pub(super) fn is_internal(&self, name: &HostName) -> bool {
        self.internal_domains.iter().any(|domain| {
            let rest = name.as_str().strip_suffix(domain.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}
