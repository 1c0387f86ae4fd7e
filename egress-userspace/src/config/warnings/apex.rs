//! Wildcards without the name that they are below: `*.example.com` is never `example.com`.

use std::collections::HashSet;

use super::finding::{At, Finding, title};
use super::names::{Key, key, meaning};
use super::{Code, Registry, shared_front};
use crate::types::{HostPattern, OutboundTrafficPolicy, Service};

/// A pattern on a port, for a family of protocols, and whether it denies.
type Said<'a> = (Key<'a>, u16, &'static str, bool);

/// Finds wildcards below a registered name that no service has itself on a port of theirs.
///
/// Only registered names are asked about: there people expect a server, and seldom further below. A
/// wildcard that denies is asked about where the name itself would pass.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let passes = registry.config.gateway.outbound_traffic_policy == OutboundTrafficPolicy::AllowAny;
    let wildcards: Vec<_> = registry
        .services()
        .filter(|service| !service.deny || passes)
        .flat_map(wildcards)
        .collect();
    let wanted = wildcards.iter().flat_map(|(_, _, apex)| meaning(apex));
    let said = said(registry, &wanted.collect());
    let findings = wildcards.iter().filter_map(|(service, item, apex)| {
        let port = kinds(service).find(|(port, family)| {
            !meaning(apex).any(|key| {
                let is_said = |deny| said.contains(&(key, *port, *family, deny));
                // An allowing wildcard may have its apex denied on purpose.
                is_said(true) || !service.deny && is_said(false)
            })
        });
        port.map(|(port, _)| finding(service, *item, apex, port))
    });
    findings.collect()
}

fn finding(service: &Service, item: usize, apex: &str, port: u16) -> Finding {
    let (what, verb) = if service.deny {
        ("deny", "denies")
    } else {
        ("have", "has")
    };
    let name = title(service);
    let title =
        format!("{name}: `*.{apex}` is not `{apex}`, which no service {verb} on port {port}");
    Finding::new(
        Code::ApexNotCovered,
        At::item(service, "hosts", item),
        title,
    )
    .label("only names below")
    .help(format!("to {what} it too, add \"{apex}\" to `hosts`"))
}

/// The wildcards of a service that are right below a registered name.
fn wildcards(service: &Service) -> impl Iterator<Item = (&Service, usize, &str)> {
    let hosts = service.hosts.iter().enumerate();
    hosts.filter_map(move |(item, host)| match host {
        HostPattern::Suffix(name) if is_registered(name.as_str()) => {
            Some((service, item, name.as_str()))
        }
        HostPattern::Suffix(_) | HostPattern::Exact(_) => None,
    })
}

/// Whether someone registered `name` itself, for servers of their own: then a wildcard right below it
/// is expected to stand beside it.
pub fn is_registered(name: &str) -> bool {
    psl::domain_str(name) == Some(name) && shared_front::of(name).is_none()
}

/// Which of the `wanted` patterns are said, and how.
fn said<'a>(registry: &Registry<'a>, wanted: &HashSet<Key<'_>>) -> HashSet<Said<'a>> {
    let mut said = HashSet::new();
    if wanted.is_empty() {
        return said;
    }
    for service in registry.services() {
        for key in service
            .hosts
            .iter()
            .map(key)
            .filter(|key| wanted.contains(key))
        {
            said.extend(kinds(service).map(|(port, family)| (key, port, family, service.deny)));
        }
    }
    said
}

/// The ports on which names are sent.
fn kinds(service: &Service) -> impl Iterator<Item = (u16, &'static str)> {
    let ports = service
        .ports
        .iter()
        .filter(|port| port.protocol.sends_name());
    ports.map(|port| (port.number, port.protocol.family()))
}
