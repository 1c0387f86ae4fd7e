//! What was denied most often.

use std::net::IpAddr;

use serde::Serialize;

use crate::account::{Denied, Times, Timestamp};
use crate::types::DenyReason;

use super::Api;

/// The rows that came most often.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    /// All that was denied, or in audit mode would have been, since the gateway's start.
    total: u64,
    /// Rows that were given up for others.
    evicted: u64,
    denied: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    verdict: &'static str,
    reason: &'static str,
    meaning: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<String>,
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Api {
    pub(super) fn denied(&self, limit: usize) -> Table {
        let top = self.gateway.account.denials().top(limit);
        Table {
            total: top.total,
            evicted: top.evicted,
            denied: top
                .rows
                .iter()
                .map(|(denied, times)| Told::of(denied, *times))
                .collect(),
        }
    }
}

impl Told {
    fn of(denied: &Denied, times: Times) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            name: text(&denied.name),
            address: denied.address.map(|address| address.ip()),
            port: denied.address.map(|address| address.port()),
            protocol: denied.protocol,
            verdict: denied.verdict,
            reason: denied.reason,
            meaning: meaning(denied.reason),
            service: text(&denied.service),
            rule: denied.rule.as_ref().map(ToString::to_string),
            cgroup: text(&denied.cgroup),
            exe: text(&denied.exe),
            count: times.count,
            first: times.first,
            last: times.last,
        }
    }
}

fn meaning(label: &str) -> &'static str {
    let mut all = DenyReason::ALL.iter();
    all.find(|reason| reason.label() == label)
        .map_or("", |reason| reason.sentence())
}
