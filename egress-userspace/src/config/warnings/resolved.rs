//! What the DNS says of the names that the gateway would resolve. Who asks it is not known here.

use std::collections::HashSet;
use std::net::IpAddr;

use super::finding::{At, Finding, title};
use super::{Code, Review};
use crate::types::{EndpointAddress, HostName, HostPattern, Location, Resolution, Service};

/// A name that the gateway would resolve, for one service.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The name.
    pub name: HostName,
    /// Where the service is: inside the mesh, addresses may be private.
    pub location: Location,
    service: usize,
    at: At,
}

/// What came of a lookup.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// Each address, and what it is if the gateway refuses to dial it.
    Addresses(Vec<(IpAddr, Option<String>)>),
    /// Why there is none.
    Failed(String),
}

impl Review {
    /// The names to look up, each once for each service that has it.
    pub fn lookups(&self) -> Vec<Lookup> {
        let services = self.config.services.iter().enumerate();
        let allowing = services.filter(|(_, service)| !service.deny);
        let lookups = allowing.flat_map(|(index, service)| {
            let names = names(service).into_iter();
            names.map(move |(name, at)| Lookup {
                name: name.clone(),
                location: service.location,
                service: index,
                at,
            })
        });
        let mut seen = HashSet::new();
        lookups
            .filter(|lookup| seen.insert((lookup.service, lookup.name.clone())))
            .collect()
    }

    /// Takes note of an answer.
    pub fn resolved(&mut self, lookup: &Lookup, answer: &Resolved) {
        let Some(service) = self.config.services.get(lookup.service) else {
            return;
        };
        let finding = match answer {
            Resolved::Failed(why) => Some(unresolved(service, lookup, why)),
            Resolved::Addresses(addresses) => private(service, lookup, addresses),
        };
        self.findings.extend(finding);
    }
}

/// The names that the gateway resolves for a service, and where they are written.
fn names(service: &Service) -> Vec<(&HostName, At)> {
    let endpoints = service.endpoints.iter().enumerate();
    let mut names: Vec<_> = endpoints
        .filter_map(|(item, endpoint)| match &endpoint.address {
            EndpointAddress::Name(name) => Some((name, At::item(service, "endpoints", item))),
            EndpointAddress::Ip(_) => None,
        })
        .collect();
    if service.resolution != Resolution::Static && service.endpoints.is_empty() {
        let hosts = service.hosts.iter().enumerate();
        names.extend(hosts.filter_map(|(item, host)| match host {
            HostPattern::Exact(name) => Some((name, At::item(service, "hosts", item))),
            HostPattern::Suffix(_) => None,
        }));
    }
    names
}

fn unresolved(service: &Service, lookup: &Lookup, why: &str) -> Finding {
    let title = format!(
        "{}: `{}` does not resolve: {why}",
        title(service),
        lookup.name
    );
    Finding::new(Code::NameUnresolved, lookup.at.clone(), title)
        .label("connections to it are refused until it does")
        .help("look for a mistyped name; a name of this network may need [dns] servers")
}

/// Addresses that the gateway would refuse to dial.
fn private(
    service: &Service,
    lookup: &Lookup,
    addresses: &[(IpAddr, Option<String>)],
) -> Option<Finding> {
    let is_listed = |ip: &IpAddr| service.addresses.iter().any(|net| net.contains(ip));
    let refused: Vec<_> = addresses
        .iter()
        .filter_map(|(ip, class)| Some((ip, class.as_deref()?)))
        .filter(|(ip, _)| !is_listed(ip))
        .collect();
    let (first, class) = refused.first()?;
    let name = &lookup.name;
    let how = if refused.len() == addresses.len() {
        "resolves to"
    } else {
        "also resolves to"
    };
    let title = format!("{}: `{name}` {how} {first} ({class})", title(service));
    let label = if refused.len() == addresses.len() {
        "connections to it are refused: no address of it is public"
    } else {
        "this address is never dialled: it is not public"
    };
    Some(
        Finding::new(Code::PrivateName, lookup.at.clone(), title)
            .label(label)
            .help(format!(
                "if it is meant, add \"{first}\" or its network to the service's `addresses`"
            )),
    )
}
