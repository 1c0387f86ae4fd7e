//! Endpoints that are dialled, and whose ports are the service's.

use serde_spanned::Spanned;

use crate::config::problem::{Problem, did_you_mean, one_of};
use crate::config::service::RawService;
use crate::types::{Endpoint, EndpointAddress, Resolution};

/// Checks each endpoint.
pub(super) fn check(service: &RawService, problems: &mut Vec<Problem>) {
    let Some(first) = service.endpoints.first() else {
        return;
    };
    let unused = match service.resolution() {
        Resolution::None => Some("NONE"),
        Resolution::DynamicDns => Some("DYNAMIC_DNS"),
        Resolution::Static | Resolution::Dns | Resolution::DnsRoundRobin => None,
    };
    if let Some(resolution) = unused {
        let title = format!("`endpoints` have no effect with resolution {resolution}");
        let label = "expected no `endpoints`, or resolution STATIC or DNS";
        problems.push(Problem::new(first.span(), title, label));
        return;
    }
    let is_name = |endpoint: &&Spanned<Endpoint>| {
        service.resolution() == Resolution::Static
            && matches!(endpoint.get_ref().address, EndpointAddress::Name(_))
    };
    problems.extend(service.endpoints.iter().filter(is_name).map(|endpoint| {
        let title = "STATIC resolves no names";
        Problem::new(endpoint.span(), title, "expected an address")
            .help("resolution = \"DNS\" takes endpoints that are names")
    }));
    unknown_ports(service, problems);
}

/// Endpoints' ports that are not names of the service's ports.
fn unknown_ports(service: &RawService, problems: &mut Vec<Problem>) {
    let ports = service.ports.iter();
    let known: Vec<_> = ports
        .filter_map(|port| port.get_ref().name.as_deref())
        .collect();
    let entries = service.endpoints.iter().flat_map(|endpoint| {
        let ports = endpoint.get_ref().ports.iter();
        ports.map(|(name, _)| (endpoint.span(), name.as_str()))
    });
    let unknown = entries.filter(|(_, name)| !known.contains(name));
    problems.extend(unknown.map(|(span, name)| {
        let label = if known.is_empty() {
            "expected a `name` on the service's ports".into()
        } else {
            format!("expected {}", one_of(&known))
        };
        let title = format!("no port of the service has the name {name:?}");
        Problem::new(span, title, label).maybe_help(did_you_mean(name, &known))
    }));
}
