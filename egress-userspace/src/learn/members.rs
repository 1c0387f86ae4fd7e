//! What is wanted, by what it is found by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::evidence::Evidence;
use super::wanted::{By, Port, Speaks, Wanted};
use crate::types::HostName;

/// Ports of one destination, with what was seen on each.
pub(super) type Ports = BTreeMap<Port, Evidence>;

/// All that is wanted.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) hosts: BTreeMap<HostName, Ports>,
    pub(super) hosts_at: BTreeMap<HostName, BTreeMap<IpAddr, Ports>>,
    pub(super) addresses: BTreeMap<IpAddr, Ports>,
}

impl Members {
    pub(super) fn of(wanted: HashMap<Wanted, Evidence, RandomState>) -> Self {
        let mut members = Self::default();
        for (Wanted { by, port }, evidence) in wanted {
            let ports = match by {
                By::Host(name) => members.hosts.entry(name).or_default(),
                By::HostAt(name, ip) => members
                    .hosts_at
                    .entry(name)
                    .or_default()
                    .entry(ip)
                    .or_default(),
                By::Address(ip) => members.addresses.entry(ip).or_default(),
            };
            ports.insert(port, evidence);
        }
        let at = members.hosts_at.values_mut().flat_map(BTreeMap::values_mut);
        let all = members
            .hosts
            .values_mut()
            .chain(at)
            .chain(members.addresses.values_mut());
        all.for_each(join_http);
        members
    }
}

/// A port of `HTTP` is for HTTP/2 too, and beside it one of `HTTP2` would be an error.
fn join_http(ports: &mut Ports) {
    let newer: Vec<_> = ports
        .keys()
        .filter(|port| port.speaks == Speaks::Http2)
        .copied()
        .collect();
    for port in newer {
        let older = Port {
            speaks: Speaks::Http,
            ..port
        };
        if ports.contains_key(&older)
            && let Some(evidence) = ports.remove(&port)
            && let Some(known) = ports.get_mut(&older)
        {
            known.add(&evidence);
        }
    }
}

/// Ports as services can have them: each number once. What is left over of a number on which several
/// protocols were spoken is for a further service.
pub(super) fn layers(ports: &Ports) -> Vec<(Vec<Port>, Evidence)> {
    let mut layers: Vec<(Vec<Port>, Evidence)> = Vec::new();
    for (port, evidence) in ports {
        let is_free = |layer: &&mut (Vec<Port>, Evidence)| {
            layer.0.last().is_none_or(|last| last.number != port.number)
        };
        match layers.iter_mut().find(is_free) {
            Some((ports, known)) => {
                ports.push(*port);
                known.add(evidence);
            }
            None => layers.push((vec![*port], evidence.clone())),
        }
    }
    layers
}

/// The addresses at which the same was spoken, on the same ports.
pub(super) fn places(
    at: &BTreeMap<IpAddr, Ports>,
) -> BTreeMap<Vec<Port>, (BTreeSet<IpAddr>, Evidence)> {
    let mut places: BTreeMap<Vec<Port>, (BTreeSet<IpAddr>, Evidence)> = BTreeMap::new();
    for (ip, ports) in at {
        for (ports, evidence) in layers(ports) {
            match places.get_mut(&ports) {
                Some((ips, known)) => {
                    ips.insert(*ip);
                    known.add(&evidence);
                }
                None => {
                    places.insert(ports, (BTreeSet::from([*ip]), evidence));
                }
            }
        }
    }
    places
}
