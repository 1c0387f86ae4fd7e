//! The connections that are joined.

use std::cmp::Reverse;
use std::net::SocketAddr;

use serde::Serialize;

use crate::conn::Connection;
use crate::types::Caller;

use super::Api;
use super::query::{Connections as Asked, Sort};

/// Those that were asked for.
#[derive(Debug, Serialize)]
pub(super) struct Connections {
    /// How many there are in all.
    total: usize,
    connections: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    id: u64,
    client: SocketAddr,
    dst: SocketAddr,
    upstream: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    verdict: &'static str,
    /// With `audit`: why enforcement would have denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    caller: Who,
    age_ms: u64,
    bytes_sent: u64,
    bytes_received: u64,
    policy_generation: u64,
}

#[derive(Debug, Serialize)]
struct Who {
    pid: u32,
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<String>,
    cgroup: String,
}

impl Api {
    pub(super) fn connections(&self, asked: &Asked) -> Connections {
        let mut all: Vec<_> = self.gateway.connections.all().collect();
        match asked.sort {
            Sort::Age => all.sort_unstable_by_key(|each| (each.since(), each.id())),
            Sort::Bytes => all.sort_by_cached_key(|each| {
                let counters = each.counters();
                Reverse(counters.sent() + counters.received())
            }),
        }
        Connections {
            total: all.len(),
            connections: all
                .iter()
                .take(asked.limit)
                .map(|each| Told::of(each))
                .collect(),
        }
    }
}

impl Told {
    fn of(connection: &Connection) -> Self {
        let permit = connection.permit();
        let would_deny = permit.would_deny();
        Self {
            id: connection.id().0,
            client: connection.client().socket_addr(),
            dst: connection.dst().socket_addr(),
            upstream: connection.upstream().socket_addr(),
            name: connection.name().map(ToString::to_string),
            protocol: connection.claim().label(),
            service: connection.service().map(ToString::to_string),
            rule: permit.rule().map(ToString::to_string),
            verdict: if would_deny.is_some() {
                "audit"
            } else {
                "allow"
            },
            reason: would_deny.map(|denial| denial.reason.label()),
            caller: Who::of(connection.caller()),
            age_ms: connection
                .since()
                .elapsed()
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX),
            // Of the relay's counters `sent` is the client's; the log and the metrics count as Envoy does.
            bytes_sent: connection.counters().received(),
            bytes_received: connection.counters().sent(),
            policy_generation: connection.generation().0,
        }
    }
}

impl Who {
    fn of(caller: &Caller) -> Self {
        Self {
            pid: caller.pid,
            uid: caller.uid,
            exe: caller.exe.as_deref().map(|exe| exe.display().to_string()),
            cgroup: match caller.cgroup_path.as_deref() {
                Some(path) => path.to_owned(),
                None => caller.cgroup.to_string(),
            },
        }
    }
}
