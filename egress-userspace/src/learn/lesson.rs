//! What was learned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;

use super::evidence::Evidence;
use super::left_out::{Left, LeftOut};
use super::wanted::Port;
use super::wildcard::is_below;
use crate::types::{HostName, HostPattern};

/// What was learned from a log.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Services that admit what was seen, ordered by name.
    pub services: Vec<Proposed>,
    /// The cgroups of those who made the connections.
    pub cgroups: BTreeSet<Box<str>>,
    /// What no service was made of.
    pub left_out: BTreeMap<LeftOut, Left>,
    /// Lines that were taken.
    pub lines: u64,
    /// Those of them that need no new service.
    pub covered: u64,
    /// Those of what was denied, which were not looked at.
    pub denied: u64,
}

/// A service that admits what was seen.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Proposed {
    /// Its name.
    pub name: String,
    /// Its `hosts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Entry<HostPattern>>,
    /// Its `addresses`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Entry<IpAddr>>,
    /// Its `ports`.
    pub(super) ports: Vec<Port>,
}

/// An item of a service.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(bound = "T: Display")]
pub struct Entry<T> {
    /// The item.
    #[serde(serialize_with = "text")]
    pub item: T,
    /// What it goes by; `None`: it stands there because of another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What there is to say of it besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl<T> Entry<T> {
    pub(super) fn seen(item: T, evidence: Evidence) -> Self {
        Self {
            item,
            evidence: Some(evidence),
            note: None,
        }
    }
}

impl Lesson {
    /// How many connections the services are made of.
    pub fn connections(&self) -> u64 {
        let entries = self.services.iter().flat_map(Proposed::evidence);
        entries.map(|evidence| evidence.count).sum()
    }
}

impl Proposed {
    /// Whether one of its hosts has `name`.
    pub(super) fn covers(&self, name: &HostName) -> bool {
        self.hosts.iter().any(|host| match &host.item {
            HostPattern::Exact(exact) => exact == name,
            HostPattern::Suffix(parent) => is_below(name, parent),
        })
    }

    fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        let hosts = self.hosts.iter().filter_map(|host| host.evidence.as_ref());
        hosts.chain(
            self.addresses
                .iter()
                .filter_map(|address| address.evidence.as_ref()),
        )
    }
}

fn text<T: Display, S: serde::Serializer>(item: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(item)
}
