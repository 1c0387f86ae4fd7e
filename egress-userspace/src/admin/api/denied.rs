//! What was denied most often.

use std::net::IpAddr;

use serde::Serialize;

use crate::account::{DNS, Denied, Times, Timestamp};
use crate::policy::{Question, Speech, Who};
use crate::types::DenyReason;

use super::Api;

/// Where most of what is looked up is then connected to (RFC 9110 section 4.2.2).
const HTTPS: u16 = 443;

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
    /// What would allow it, if the policy that is in force still denies it, and if something that is added would.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<String>,
}

impl Api {
    pub(super) fn denied(&self, limit: usize) -> Table {
        let top = self.gateway.account.denials().top(limit);
        let live = self.gateway.live.load_full();
        let surroundings = self.standing.borrow().surroundings.clone();
        let allow = |denied: &Denied| {
            let explained = live.policy.explain(&question(denied)?, &surroundings);
            explained.ok()?.to_allow
        };
        Table {
            total: top.total,
            evicted: top.evicted,
            denied: top
                .rows
                .iter()
                .map(|(denied, times)| Told::of(denied, *times, allow(denied)))
                .collect(),
        }
    }
}

impl Told {
    fn of(denied: &Denied, times: Times, allow: Option<String>) -> Self {
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
            allow,
        }
    }
}

/// A denial as a question, to which the answer has what would allow it; `None`: it is of no connection.
///
/// Of a lookup nobody knows what port would have come: what most names are looked up for is assumed.
fn question(denied: &Denied) -> Option<Question> {
    let address = denied.address?;
    let is_connection = !matches!(
        denied.reason,
        "datagram_not_in_registry" | "packet_not_in_registry" | "frame_not_in_registry"
    );
    let is_lookup = denied.protocol == Some(DNS);
    is_connection.then(|| Question {
        host: denied.name.as_deref().map(Into::into),
        port: if is_lookup { HTTPS } else { address.port() },
        protocol: match denied.protocol {
            Some(DNS) => Some(Speech::Tls),
            Some(spoken) => spoken.parse().ok(),
            None => Some(Speech::Tcp),
        },
        ip: (!is_lookup).then(|| address.ip()),
        looked_up: true,
        ech: false,
        caller: Who {
            cgroup: denied
                .cgroup
                .as_deref()
                .filter(|path| path.starts_with('/'))
                .map(Into::into),
            exe: denied.exe.as_deref().map(Into::into),
            ..Who::default()
        },
    })
}

fn meaning(label: &str) -> &'static str {
    let mut all = DenyReason::ALL.iter();
    all.find(|reason| reason.label() == label)
        .map_or("", |reason| reason.sentence())
}
