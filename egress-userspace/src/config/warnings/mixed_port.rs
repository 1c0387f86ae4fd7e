//! Ports that carry what sends a name and what does not.

use std::collections::HashMap;

use super::finding::{At, Finding, title};
use super::{Code, Registry};
use crate::types::{Protocol, Service};

/// Finds `TCP` ports on which another service has names.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut named: HashMap<u16, (&Service, usize)> = HashMap::new();
    for service in registry.allowing() {
        for (item, port) in service.ports.iter().enumerate() {
            if port.protocol.sends_name() {
                named.entry(port.number).or_insert((service, item));
            }
        }
    }
    let mut findings = Vec::new();
    for service in registry.allowing() {
        let ports = service.ports.iter().enumerate();
        for (item, port) in ports.filter(|(_, port)| port.protocol == Protocol::Tcp) {
            if let Some((other, other_item)) = named.get(&port.number) {
                let finding = finding(service, item, port.number);
                findings.push(finding.other(
                    At::item(other, "ports", *other_item),
                    "here names are asked for",
                ));
            }
        }
    }
    findings
}

fn finding(service: &Service, item: usize, port: u16) -> Finding {
    let name = title(service);
    let title = format!("{name}: port {port} is TCP here, and sends names in another service");
    let (label, help) = if service.addresses.is_empty() {
        (
            "what no name admits is led to this service's endpoints",
            "give one of the two another port, or this one `addresses`",
        )
    } else {
        (
            "TLS and HTTP to this service's addresses need no listed name",
            "give one of the two another port, or list few `addresses` here",
        )
    };
    Finding::new(Code::MixedPort, At::item(service, "ports", item), title)
        .label(label)
        .help(help)
}
