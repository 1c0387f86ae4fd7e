//! Names for services: what they are for, and none of them twice.

use std::collections::{BTreeSet, HashSet};

use super::group::domain;
use super::lesson::Proposed;
use crate::types::HostPattern;

/// Longest name before what makes it unique: with that it is within the 253 of a service's name.
const MAX_BASE: usize = 200;
/// Ports that a name has, where it has any.
const MAX_PORTS: usize = 3;
/// What a registry does not take, of what a host can be called.
const RESERVED: &str = "unknown";

/// Names the services, in the order of their names; `taken` are those of others.
pub(super) fn name(services: Vec<Proposed>, taken: &BTreeSet<Box<str>>) -> Vec<Proposed> {
    let mut taken: HashSet<String> = taken.iter().map(ToString::to_string).collect();
    taken.insert(RESERVED.into());
    let mut services: Vec<_> = services
        .into_iter()
        .map(|service| (base(&service), service))
        .collect();
    services.sort_by(|(a, one), (b, other)| (a, &one.ports).cmp(&(b, &other.ports)));
    let named = services.into_iter().map(|(base, service)| {
        let name = unique(&base, &service, &mut taken);
        Proposed { name, ..service }
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    named
}

/// The one destination, or what all of them have in common.
fn base(service: &Proposed) -> String {
    let base = match (service.hosts.as_slice(), service.addresses.as_slice()) {
        ([host], _) => match &host.item {
            HostPattern::Exact(name) | HostPattern::Suffix(name) => name.to_string(),
        },
        ([host, ..], _) => match &host.item {
            HostPattern::Exact(name) | HostPattern::Suffix(name) => domain(name),
        },
        ([], [address]) => address.item.to_string().replace(':', "-"),
        ([], _) => ports(service, |port| {
            format!("{}-{}", port.speaks.word().to_lowercase(), port.number)
        }),
    };
    // All of it is ASCII: names are A-labels.
    base.chars().take(MAX_BASE).collect()
}

fn unique(base: &str, service: &Proposed, taken: &mut HashSet<String>) -> String {
    let with_ports = || format!("{base}-{}", ports(service, |port| port.number.to_string()));
    let numbered = (2_u64..).map(|number| format!("{base}-{number}"));
    let candidates = std::iter::once(base.to_owned())
        .chain(std::iter::once_with(with_ports))
        .chain(numbered);
    for candidate in candidates {
        if taken.insert(candidate.clone()) {
            return candidate;
        }
    }
    base.to_owned()
}

fn ports(service: &Proposed, text: impl FnMut(&super::wanted::Port) -> String) -> String {
    let ports: Vec<_> = service.ports.iter().take(MAX_PORTS).map(text).collect();
    ports.join("-")
}
