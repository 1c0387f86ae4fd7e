//! What services have in common: all but their names, hosts and places.

use ipnet::IpNet;

use std::net::IpAddr;
use std::sync::Arc;

use super::lead::Lead;
use super::terms::Terms;
use crate::types::{
    Caller, Ech, Endpoint, HostPattern, HttpJudging, Location, OnRevoke, Port, Protocol,
    Resolution, Selected, Selector, Service, Specificity, TrafficPolicy, Trust,
};

/// What a service says besides. Services that say the same share one: of a million there are a few.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) deny: bool,
    pub(super) from: Box<[Selector]>,
    pub(super) trust: Trust,
    pub(super) ech: Ech,
    pub(super) terms: Arc<Terms>,
    /// Ordered by number. Without those of datagrams, which are judged in the kernel alone.
    lines: Box<[Line]>,
}

/// A port of a service.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) by: By,
    pub(super) lead: Lead,
}

/// What a port of a service is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// One of `hosts`, in what the client sends.
    Claim,
    /// One of `hosts`, among the names that the client was told for its destination.
    Learned,
    /// The destination alone.
    Address,
}

impl By {
    pub(super) fn of(service: &Service, protocol: Protocol, learns_names: bool) -> Self {
        if service.hosts.is_empty() {
            Self::Address
        } else if protocol.sends_name() {
            Self::Claim
        } else if learns_names {
            Self::Learned
        } else {
            Self::Address
        }
    }
}

impl Profile {
    pub(super) fn new(service: &Service, learns_names: bool) -> Self {
        let ports = service.ports.iter();
        let lines = ports.filter(|port| port.protocol != Protocol::Udp);
        let mut lines: Vec<_> = lines
            .map(|port| {
                let by = By::of(service, port.protocol, learns_names);
                Line {
                    port: port.number,
                    protocol: port.protocol,
                    by,
                    lead: Lead::new(service, port, by),
                }
            })
            .collect();
        lines.sort_by_key(|line| line.port);
        Self {
            deny: service.deny,
            from: service.from.as_slice().into(),
            trust: service.trust,
            ech: service.ech,
            terms: Arc::new(Terms::of(service)),
            lines: lines.into(),
        }
    }

    /// All ports.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Those with this number.
    pub(super) fn on(&self, port: u16) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.port == port)
    }

    /// How closely `addresses` describe `ip`. `None`: they do not have it.
    pub(super) fn place(&self, ip: IpAddr) -> Option<Within> {
        if self.terms.listed.is_empty() {
            return Some(Within::Anywhere);
        }
        let prefixes = self.terms.listed.iter().filter(|net| net.contains(&ip));
        prefixes.map(IpNet::prefix_len).max().map(Within::Prefix)
    }

    /// Whom of the service's callers `caller` is. One of whom too little is known may use what everyone
    /// may, and is denied what anyone is.
    pub(super) fn selects(&self, caller: &Caller) -> Selection {
        if self.from.is_empty() {
            return Selection::Everyone;
        }
        let meant = self
            .from
            .iter()
            .filter(|selector| match selector.selects(caller) {
                Selected::Yes => true,
                Selected::Unknown => self.deny,
                Selected::No => false,
            });
        let closest = meant.map(Selector::specificity).max();
        closest.map_or(Selection::Nobody, Selection::Closely)
    }
}

/// How closely a service's `addresses` describe one that they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Within {
    /// There are none, so that they have every address.
    Anywhere,
    /// The longest prefix that has it.
    Prefix(u8),
}

/// Whom of a service's callers one is; the greatest describes it the most closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Selection {
    /// None.
    Nobody,
    /// One of all: the service has no `from`.
    Everyone,
    /// One that `from` describes.
    Closely(Specificity),
}

/// All of a service that makes its profile, to find out whether there is such a one.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    has_hosts: bool,
    /// Only where the profile lists them.
    hosts: &'a [HostPattern],
    addresses: &'a [IpNet],
    ports: &'a [Port],
    location: Location,
    resolution: Resolution,
    endpoints: &'a [Endpoint],
    deny: bool,
    from: &'a [Selector],
    trust: Trust,
    ech: Ech,
    http: HttpJudging,
    on_revoke: OnRevoke,
    traffic: &'a TrafficPolicy,
}

impl<'a> Key<'a> {
    pub(super) fn of(service: &'a Service, learns_names: bool) -> Self {
        let listed = service
            .ports
            .iter()
            .any(|port| Lead::lists_hosts(service, By::of(service, port.protocol, learns_names)));
        Self {
            has_hosts: !service.hosts.is_empty(),
            hosts: if listed { &service.hosts } else { &[] },
            addresses: &service.addresses,
            ports: &service.ports,
            location: service.location,
            resolution: service.resolution,
            endpoints: &service.endpoints,
            deny: service.deny,
            from: &service.from,
            trust: service.trust,
            ech: service.ech,
            http: service.http,
            on_revoke: service.on_revoke,
            traffic: &service.traffic,
        }
    }
}
