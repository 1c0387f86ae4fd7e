//! Where a port of a service leads.

use std::net::SocketAddr;
use std::sync::Arc;

use super::profile::By;
use super::target::{EndpointHost, EndpointTarget, Target};
use crate::types::{
    EndpointAddress, HostName, HostPattern, OriginalDst, Port, Resolution, Service, Trust,
};

/// Where an admitted connection goes.
#[derive(Debug)]
pub(super) enum Lead {
    /// Where the client wanted to go; if it sent a name, one of the name's addresses.
    Original,
    /// Where the client wanted to go, whatever the name it sent has.
    Unasked,
    /// The name by which the service was found, on this port.
    Named(u16),
    /// What the service lists.
    Listed(Arc<[EndpointTarget]>),
}

/// The name by which a service was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// The client sent it.
    Sent(&'a HostName),
    /// The DNS forwarder had told it to the client, with the client's destination for an address.
    Learned(&'a HostName),
    /// By none.
    None,
}

impl Lead {
    pub(super) fn new(service: &Service, port: &Port, by: By) -> Self {
        let number = port.target_port.unwrap_or(port.number);
        match service.resolution {
            // Only inside `addresses`; what is inside is what was admitted.
            Resolution::None
                if service.trust == Trust::Original && !service.addresses.is_empty() =>
            {
                Self::Unasked
            }
            Resolution::None => Self::Original,
            Resolution::DynamicDns => Self::Named(number),
            Resolution::Dns | Resolution::DnsRoundRobin
                if service.endpoints.is_empty() && by != By::Address =>
            {
                Self::Named(number)
            }
            Resolution::Dns | Resolution::DnsRoundRobin | Resolution::Static => {
                Self::Listed(listed(service, port))
            }
        }
    }

    /// Whether a port that is found so leads to the service's `hosts`, all of them.
    pub(super) fn lists_hosts(service: &Service, by: By) -> bool {
        service.resolution.resolves_hosts() && service.endpoints.is_empty() && by == By::Address
    }

    /// Whether the service says itself where it is.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Named(_) | Self::Listed(_))
    }

    pub(super) fn target(&self, dst: OriginalDst, name: Name<'_>) -> Target {
        match (self, name) {
            (Self::Original | Self::Unasked, Name::Learned(name)) => Target::Answer {
                name: name.clone(),
                addr: dst.socket_addr(),
            },
            (Self::Original, Name::None) | (Self::Unasked, Name::Sent(_) | Name::None) => {
                Target::Address(dst.socket_addr())
            }
            (Self::Original, Name::Sent(name)) => Target::Name {
                name: name.clone(),
                port: dst.port(),
                prefer: Some(dst.ip()),
            },
            (Self::Named(port), Name::Sent(name) | Name::Learned(name)) => Target::Name {
                name: name.clone(),
                port: *port,
                prefer: None,
            },
            // Such a service is found by name alone. Were it not so, there is nowhere to go.
            (Self::Named(_), Name::None) => Target::Endpoints(Arc::default()),
            (Self::Listed(endpoints), _) => Target::Endpoints(Arc::clone(endpoints)),
        }
    }
}

/// All that a service says itself of where a port of it is: its endpoints, else its own names.
pub(super) fn listed(service: &Service, port: &Port) -> Arc<[EndpointTarget]> {
    let number = port.target_port.unwrap_or(port.number);
    if service.endpoints.is_empty() && service.resolution.resolves_hosts() {
        hosts(service, number).collect()
    } else {
        endpoints(service, port, number).collect()
    }
}

/// The service's own names: where a client sends none, all of them are the service.
fn hosts(service: &Service, port: u16) -> impl Iterator<Item = EndpointTarget> {
    service.hosts.iter().filter_map(move |host| match host {
        HostPattern::Exact(name) => {
            Some(EndpointTarget::new(EndpointHost::Name(name.clone(), port)))
        }
        HostPattern::Suffix(_) => None,
    })
}

fn endpoints(service: &Service, port: &Port, number: u16) -> impl Iterator<Item = EndpointTarget> {
    service.endpoints.iter().map(move |endpoint| {
        let mapped = endpoint
            .ports
            .iter()
            .find(|(name, _)| Some(name) == port.name.as_ref());
        let number = mapped.map_or(number, |(_, number)| *number);
        EndpointTarget {
            host: match &endpoint.address {
                EndpointAddress::Ip(ip) => EndpointHost::Address(SocketAddr::new(*ip, number)),
                EndpointAddress::Name(name) => EndpointHost::Name(name.clone(), number),
            },
            weight: endpoint.weight,
            locality: endpoint.locality.clone(),
        }
    })
}
