//! The connections that are joined.

use std::cmp::Reverse;

use crate::answers::{Caller, Connection, Connections};
use crate::conn;
use crate::types;

use super::Api;
use super::query::{Connections as Asked, Sort};

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
            total: all.len() as u64,
            connections: all
                .iter()
                .take(asked.limit)
                .map(|each| told(each))
                .collect(),
        }
    }
}

fn told(connection: &conn::Connection) -> Connection {
    let permit = connection.permit();
    let would_deny = permit.would_deny();
    let age = connection.since().elapsed().as_millis();
    Connection {
        id: connection.id().0,
        client: connection.client().to_string(),
        dst: connection.dst().to_string(),
        upstream: Some(connection.upstream().to_string()),
        name: connection.name().map(ToString::to_string),
        protocol: Some(connection.claim().language().label().into()),
        service: connection.service().map(ToString::to_string),
        rule: permit.rule().map(ToString::to_string),
        verdict: Some(
            if would_deny.is_some() {
                "audit"
            } else {
                "allow"
            }
            .into(),
        ),
        reason: would_deny.map(|denial| denial.reason.label().into()),
        caller: caller(&connection.caller()),
        age_ms: age.try_into().unwrap_or(u64::MAX),
        // Of the relay's counters `sent` is the client's; the log and the metrics count as Envoy does.
        bytes_sent: connection.counters().received(),
        bytes_received: connection.counters().sent(),
        policy_generation: connection.generation().0,
    }
}

fn caller(caller: &types::Caller) -> Caller {
    if let Some(remote) = &caller.remote {
        return Caller {
            pod: caller.pod.as_deref().map(ToString::to_string),
            listener: Some(remote.listener.to_string()),
            ..Caller::default()
        };
    }
    Caller {
        pid: caller.pid,
        uid: caller.uid,
        exe: caller.exe.as_deref().map(|exe| exe.display().to_string()),
        cgroup: match caller.cgroup_path.as_deref() {
            Some(path) => path.to_owned(),
            None => caller.cgroup.to_string(),
        },
        pod: caller.pod.as_deref().map(ToString::to_string),
        listener: None,
    }
}
