//! What was denied most often.

use std::cell::LazyCell;
use std::collections::HashSet;

use crate::account::{DNS, Denied, Times};
use crate::answers::{Denial, Denials};
use crate::policy::{Question, Speech, Who};
use crate::types::DenyReason;

use super::Api;

/// Where most of what is looked up is then connected to (RFC 9110 section 4.2.2).
const HTTPS: u16 = 443;

impl Api {
    pub(super) fn denied(&self, limit: usize) -> Denials {
        let top = self.gateway.account.denials().top(limit);
        let live = self.gateway.live.load_full();
        let surroundings = self.standing.borrow().surroundings.clone();
        // Of a large registry only once, and only if something is to be named.
        let names = LazyCell::new(|| live.policy.service_names().collect::<HashSet<_>>());
        let allow = |denied: &Denied| {
            let taken = |name: &str| names.contains(name);
            let question = question(denied)?;
            live.policy.to_allow(&question, &surroundings, taken).ok()?
        };
        Denials {
            total: top.total,
            evicted: top.evicted,
            denied: top
                .rows
                .iter()
                .map(|(denied, times)| told(denied, *times, allow(denied)))
                .collect(),
        }
    }
}

fn told(denied: &Denied, times: Times, allow: Option<String>) -> Denial {
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    Denial {
        name: text(&denied.name),
        address: denied.address.map(|address| address.ip().to_string()),
        port: denied.address.map(|address| address.port()),
        protocol: denied.protocol.map(Into::into),
        verdict: denied.verdict.into(),
        reason: denied.reason.label().into(),
        meaning: denied.reason.sentence().into(),
        service: text(&denied.service),
        rule: denied.rule.as_ref().map(ToString::to_string),
        cgroup: text(&denied.cgroup),
        exe: text(&denied.exe),
        count: times.count,
        first: times.first.to_string(),
        last: times.last.to_string(),
        allow,
    }
}

/// A denial as a question, to which the answer has what would allow it; `None`: it is of no connection.
///
/// Of a lookup nobody knows what port would have come: what most names are looked up for is assumed.
fn question(denied: &Denied) -> Option<Question> {
    let address = denied.address?;
    let is_connection = !matches!(
        denied.reason,
        DenyReason::DatagramNotInRegistry
            | DenyReason::PacketNotInRegistry
            | DenyReason::FrameNotInRegistry
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
