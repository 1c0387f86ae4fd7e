//! What is legal, and does nothing.

use ipnet::IpNet;
use std::collections::HashSet;

use super::finding::{At, Finding, title};
use super::locate::is_written;
use super::{Code, Registry};
use crate::config::DnsForwarder;
use crate::types::{Protocol, Selector, Service, ServiceName};

/// Keys of `[dns]` that only the forwarder reads.
const OF_FORWARDER: [&str; 5] = [
    "internal_domains",
    "grace",
    "max_name",
    "queries_per_second",
    "names_per_caller",
];

/// Keys of a service that only a connection through the gateway has. Datagrams are the kernel's.
const OF_CONNECTIONS: [&str; 2] = ["on_revoke", "traffic_policy"];

/// Finds keys and entries without effect.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = forwarder(registry);
    findings.extend(unknown_pods(registry));
    let led_to = led_to(registry);
    for service in registry.services() {
        findings.extend(locality(registry, service));
        findings.extend(datagrams(registry, service));
        if !led_to.contains(&service.name) {
            findings.extend(internal(registry, service));
        }
    }
    findings
}

fn finding(at: At, title: impl Into<String>) -> Finding {
    Finding::new(Code::NoEffect, at, title).label("has no effect")
}

fn forwarder(registry: &Registry<'_>) -> Vec<Finding> {
    if registry.config.dns.forwarder != DnsForwarder::Off {
        return Vec::new();
    }
    let places = OF_FORWARDER.map(|key| (key, At::section("dns", key)));
    let written = places
        .into_iter()
        .filter(|(_, at)| is_written(at, registry.sources));
    let findings = written.map(|(key, at)| {
        finding(
            at,
            format!("dns: `{key}` is for the forwarder, which is off"),
        )
        .help("leave it out, or set forwarder = \"allowed\"")
    });
    findings.collect()
}

/// What is for pods, where no caller is known by its pod.
fn unknown_pods(registry: &Registry<'_>) -> Vec<Finding> {
    let config = registry.config;
    // One that is off is off by intent.
    let is_said = is_written(&At::section("kubernetes", "watch"), registry.sources);
    if is_said || config.kubernetes.is_some() || !config.listeners.is_empty() {
        return Vec::new();
    }
    let told = |at, title| {
        let help = "add [kubernetes], or a [[listener]] for callers of other nodes";
        finding(at, title).help(help)
    };
    let services = config.services.iter().filter_map(|service| {
        let item = service.from.iter().position(names_pod)?;
        let title = format!("{}: no caller is known by its pod", title(service));
        Some(told(At::item(service, "from", item), title))
    });
    let files = At::section("namespaces", "files");
    let own = is_written(&files, registry.sources)
        .then(|| told(files, "namespaces: no caller is known by its pod".into()));
    services.chain(own).collect()
}

fn names_pod(selector: &Selector) -> bool {
    selector.namespace.is_some()
        || selector.service_account.is_some()
        || !selector.pod_labels.is_empty()
}

/// Endpoints' places, while the gateway's own is not known.
fn locality(registry: &Registry<'_>, service: &Service) -> Option<Finding> {
    if registry.config.gateway.locality.is_some() {
        return None;
    }
    let mut endpoints = service.endpoints.iter();
    let item = endpoints.position(|endpoint| endpoint.locality.is_some())?;
    let title = format!("{}: no endpoint is nearer than another", title(service));
    let finding = finding(At::item(service, "endpoints", item), title);
    Some(finding.help("say where the gateway is: gateway.locality = \"region/zone\""))
}

fn datagrams<'a>(
    registry: &'a Registry<'_>,
    service: &'a Service,
) -> impl Iterator<Item = Finding> + 'a {
    let only_udp = service
        .ports
        .iter()
        .all(|port| port.protocol == Protocol::Udp);
    let keys = OF_CONNECTIONS.into_iter().filter(move |_| only_udp);
    let places = keys.map(|key| (key, At::key(service, key)));
    let written = places.filter(|(_, at)| is_written(at, registry.sources));
    written.map(|(key, at)| {
        let name = title(service);
        finding(
            at,
            format!("{name}: `{key}` is for connections, and it has only UDP"),
        )
        .help("leave it out: the kernel judges each datagram by itself")
    })
}

/// A service for addresses that pass untouched is never asked.
fn internal(registry: &Registry<'_>, service: &Service) -> Option<Finding> {
    let nets = &service.addresses;
    if nets.is_empty() || !nets.iter().all(|net| passes(registry, net)) {
        return None;
    }
    let (what, help) = if service.deny {
        (
            "is never denied",
            "take them out of gateway.internal: nothing inside it is judged",
        )
    } else {
        (
            "needs no service",
            "leave the service out, or take them out of gateway.internal",
        )
    };
    let title = format!(
        "{}: all of its addresses pass untouched; what goes there {what}",
        title(service)
    );
    Some(finding(At::key(service, "addresses"), title).help(help))
}

fn passes(registry: &Registry<'_>, net: &IpNet) -> bool {
    let mut internal = registry.config.gateway.internal.iter();
    let is_loopback = match net {
        IpNet::V4(net) => net.network().is_loopback() && net.prefix_len() >= 8,
        IpNet::V6(net) => net.network().is_loopback() && net.prefix_len() == 128,
    };
    is_loopback || internal.any(|internal| internal.net().contains(net))
}

/// The services that routes lead to: their addresses are used without their ports being asked.
fn led_to<'a>(registry: &Registry<'a>) -> HashSet<&'a ServiceName> {
    let routes = registry.config.routes.iter();
    let destinations = routes.flat_map(|route| &route.destinations);
    destinations
        .map(|destination| &destination.service)
        .collect()
}
