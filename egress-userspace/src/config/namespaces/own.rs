//! `[[service]]` in a namespace's file.

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::callers::{RawOwnCallers, empty, selectors};
use crate::config::problem::{Problem, Span};
use crate::config::section::{Section as _, section};
use crate::config::service::RawService;
use crate::config::value::Marked;
use crate::types::{Ceiling, HostPattern, Port, Protocol, Resolution, ServiceName};

section! {
    /// What a namespace's file has.
    pub(super) RawOwnFile = "" {
        service: Vec<Spanned<Marked<RawOwn>>> = Vec::new();
    }
}

section! {
    /// A service of a namespace's own.
    pub(super) RawOwn = "service", needs name, needs ports, checked by makes_sense {
        name: Option<Spanned<ServiceName>> = None;
        hosts: Vec<Spanned<HostPattern>> = Vec::new();
        addresses: Vec<Spanned<IpNet>> = Vec::new();
        ports: Vec<Spanned<Port>> = Vec::new();
        from: Vec<Spanned<RawOwnCallers>> = Vec::new();
        resolution: Option<Spanned<Resolution>> = None;
    }
}

/// What is right for a service of the registry is right for one of a namespace's own, and then it leads
/// nowhere that only the operator may lead to.
fn makes_sense(own: &RawOwn, header: &Span, problems: &mut Vec<Problem>) {
    let before = problems.len();
    if let Some(resolution) = &own.resolution
        && *resolution.get_ref() == Resolution::Static
    {
        let title = "STATIC dials endpoints, and only the cluster's file may say where those are";
        let label = "expected resolution NONE, or one of DNS";
        problems.push(Problem::new(resolution.span(), title, label));
    }
    let is_udp = |port: &&Spanned<Port>| port.get_ref().protocol == Protocol::Udp;
    problems.extend(own.ports.iter().filter(is_udp).map(|port| {
        let title = "datagrams are judged in the kernel, which knows no namespaces";
        Problem::new(port.span(), title, "expected another protocol")
    }));
    if problems.len() == before {
        own.unscoped().check(header, problems);
    }
}

impl RawOwn {
    /// As a service of the registry, for everyone.
    fn unscoped(&self) -> RawService {
        RawService {
            name: self.name.clone(),
            hosts: self.hosts.clone(),
            addresses: self.addresses.clone(),
            ports: self.ports.clone(),
            resolution: self.resolution.clone(),
            ..RawService::default()
        }
    }

    /// What is wrong with its callers, when all else is right.
    pub(super) fn unsaid(&self) -> impl Iterator<Item = Problem> {
        self.from.iter().filter_map(empty)
    }

    /// How many ways there are to match it: what it costs to compile and to look at.
    pub(super) fn matches(&self) -> usize {
        let some = |count: usize| count.max(1);
        some(self.hosts.len())
            .saturating_mul(some(self.addresses.len()))
            .saturating_mul(some(self.ports.len()))
            .saturating_mul(some(self.from.len()))
    }

    /// As a service of the registry, for pods of `namespace` alone. Its name is unlike any that the
    /// registry has, which have no `/`.
    pub(super) fn scoped(&self, namespace: &str) -> RawService {
        let scoped = |name: &Spanned<ServiceName>| {
            let text = format!("{namespace}/{}", name.get_ref());
            Spanned::new(name.span(), ServiceName::new(&text))
        };
        RawService {
            name: self.name.as_ref().map(scoped),
            from: selectors(namespace, &self.from),
            ..self.unscoped()
        }
    }
}

/// The same service, with what its ceiling says of it.
pub(super) fn on_terms(service: RawService, ceiling: &Ceiling) -> RawService {
    // No message is about what the cluster's file says here.
    const NOWHERE: Span = 0..0;
    RawService {
        trust: Some(Spanned::new(NOWHERE, ceiling.trust)),
        ech: Some(Spanned::new(NOWHERE, ceiling.ech)),
        http: Some(Spanned::new(NOWHERE, ceiling.http)),
        on_revoke: Some(Spanned::new(NOWHERE, ceiling.on_revoke)),
        ..service
    }
}
