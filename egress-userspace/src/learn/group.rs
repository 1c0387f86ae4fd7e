//! Destinations that one service can have: those that were asked for on the same ports, of one domain.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::evidence::Evidence;
use super::lesson::{Entry, Proposed};
use super::members::{Members, layers, places};
use super::taken::Taken;
use super::wanted::{Port, Speaks, Wanted};
use super::wildcard::Wildcards;
use crate::dial::check_answer;
use crate::types::{HostName, HostPattern, Location};

/// Services of all that is wanted, still without names.
pub(super) fn services(
    wanted: HashMap<Wanted, Evidence, RandomState>,
    taken: Option<&Taken>,
    siblings: Option<usize>,
) -> Vec<Proposed> {
    let members = Members::of(wanted);
    let mut services = by_name(&members, taken, siblings);
    services.extend(by_name_at(&members));
    services.extend(by_address(&members));
    services
}

fn by_name(members: &Members, taken: Option<&Taken>, siblings: Option<usize>) -> Vec<Proposed> {
    let mut groups: BTreeMap<(String, Vec<Port>), BTreeMap<HostName, Evidence>> = BTreeMap::new();
    for (name, ports) in &members.hosts {
        for (ports, evidence) in layers(ports) {
            let group = groups.entry((domain(name), ports)).or_default();
            group.insert(name.clone(), evidence);
        }
    }
    // Of two that would make the same wildcard, the one that has more of it does.
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, names)| Reverse(names.len()));
    let mut wildcards = Wildcards::new(&members.hosts, taken, siblings);
    let services = groups.into_iter().map(|((_, ports), names)| Proposed {
        name: String::new(),
        hosts: wildcards.collapse(names, &ports),
        addresses: Vec::new(),
        ports,
    });
    services.collect()
}

/// Names whose addresses are not public, with these.
fn by_name_at(members: &Members) -> Vec<Proposed> {
    type Key = (String, Vec<Port>, BTreeSet<IpAddr>);
    let mut groups: BTreeMap<Key, BTreeMap<HostName, Evidence>> = BTreeMap::new();
    for (name, at) in &members.hosts_at {
        for (ports, (ips, evidence)) in places(at) {
            let group = groups.entry((domain(name), ports, ips)).or_default();
            group.insert(name.clone(), evidence);
        }
    }
    let services = groups.into_iter().map(|((_, ports, ips), names)| {
        let hosts = names
            .into_iter()
            .map(|(name, evidence)| Entry::seen(HostPattern::Exact(name), evidence));
        let addresses = ips.into_iter().map(|item| Entry {
            item,
            evidence: None,
            note: not_public(item)
                .map(|what| format!("{what}: a name leads there only if it is listed")),
        });
        Proposed {
            name: String::new(),
            hosts: hosts.collect(),
            addresses: addresses.collect(),
            ports,
        }
    });
    services.collect()
}

fn by_address(members: &Members) -> Vec<Proposed> {
    let mut groups: BTreeMap<Vec<Port>, BTreeMap<IpAddr, Evidence>> = BTreeMap::new();
    for (ip, ports) in &members.addresses {
        for (ports, evidence) in layers(ports) {
            groups.entry(ports).or_default().insert(*ip, evidence);
        }
    }
    let services = groups.into_iter().map(|(ports, ips)| {
        let spoken = ports.iter().any(|port| port.speaks.protocol().sends_name());
        let any_name = spoken.then(|| "no name was sent: any will do here".to_owned());
        let addresses = ips.into_iter().map(|(ip, evidence)| {
            let notes: Vec<_> = any_name.iter().cloned().chain(not_public(ip)).collect();
            Entry {
                note: (!notes.is_empty()).then(|| notes.join("; ")),
                ..Entry::seen(ip, evidence)
            }
        });
        Proposed {
            name: String::new(),
            hosts: Vec::new(),
            addresses: addresses.collect(),
            ports,
        }
    });
    services.collect()
}

/// What to say of an address that is none of the internet's: a private one, or a cloud's metadata server.
fn not_public(ip: IpAddr) -> Option<String> {
    let refused = check_answer(ip, Location::MeshExternal).err()?;
    Some(format!("not a public address ({})", refused.class))
}

/// What is registered of a name, or all of one of which nothing is.
pub(super) fn domain(name: &HostName) -> String {
    psl::domain_str(name.as_str())
        .unwrap_or(name.as_str())
        .to_owned()
}

/// Whether two ports are the same to a registry.
pub(super) fn is_same(one: Port, other: Port) -> bool {
    let family = |speaks: Speaks| speaks.protocol().family();
    one.number == other.number && family(one.speaks) == family(other.speaks)
}
