//! One port of one service: what it admits, and where that leads.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::permit::{EndpointHost, EndpointTarget, Permit, Target, Terms};
use crate::types::{
    EndpointAddress, HostName, HostPattern, Mode, OriginalDst, Place, Port, Protocol, Resolution,
    Service, ServiceName,
};

/// A port of a service, with all that a decision about it needs.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) service: ServiceName,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) place: Place,
    /// With the `addresses` that the client's destination is in one of; none: it may be anything.
    pub(super) terms: Arc<Terms>,
    route: Route,
}

/// Where an admitted connection goes.
#[derive(Debug)]
enum Route {
    /// Where the client wanted to go.
    Original,
    /// Where the client wanted to go, if the name it sent has that address.
    OriginalIfNamed,
    /// The name that the client sent, on this port.
    Named(u16),
    /// What the service lists.
    Listed(Arc<[EndpointTarget]>),
}

impl Rule {
    pub(super) fn new(service: &Service, port: &Port, terms: Arc<Terms>) -> Self {
        Self {
            service: service.name.clone(),
            port: port.number,
            protocol: port.protocol,
            place: service.place.clone(),
            terms,
            route: Route::new(service, port),
        }
    }

    /// How closely `addresses` describe `ip`: the length of the longest prefix that has it.
    /// `None`: they do not admit it. No addresses admit every `ip`, less closely than any prefix.
    pub(super) fn closeness(&self, ip: IpAddr) -> Option<Closeness> {
        if self.terms.listed.is_empty() {
            return Some(Closeness::Anywhere);
        }
        let prefixes = self.terms.listed.iter().filter(|net| net.contains(&ip));
        prefixes.map(IpNet::prefix_len).max().map(Closeness::Prefix)
    }

    /// The right to make a connection that the rule admits; `name` is the one that the client sent.
    pub(super) fn permit(&self, dst: OriginalDst, name: Option<&HostName>, mode: Mode) -> Permit {
        let target = self.route.target(dst, name);
        Permit::admitted(
            self.service.clone(),
            self.place.clone(),
            Arc::clone(&self.terms),
            target,
            mode,
        )
    }
}

/// How closely a rule describes a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closeness {
    Anywhere,
    Prefix(u8),
}

impl Route {
    fn new(service: &Service, port: &Port) -> Self {
        let named = port.protocol.sends_name() && !service.hosts.is_empty();
        let number = port.target_port.unwrap_or(port.number);
        match service.resolution {
            Resolution::None if named => Self::OriginalIfNamed,
            Resolution::None => Self::Original,
            Resolution::DynamicDns => Self::Named(number),
            Resolution::Dns | Resolution::DnsRoundRobin
                if named && service.endpoints.is_empty() =>
            {
                Self::Named(number)
            }
            Resolution::Dns | Resolution::DnsRoundRobin if service.endpoints.is_empty() => {
                Self::Listed(hosts(service, number).collect())
            }
            Resolution::Dns | Resolution::DnsRoundRobin | Resolution::Static => {
                Self::Listed(endpoints(service, port, number).collect())
            }
        }
    }

    fn target(&self, dst: OriginalDst, name: Option<&HostName>) -> Target {
        match (self, name) {
            (Self::Original, _) => Target::Address(dst.socket_addr()),
            (Self::OriginalIfNamed, Some(name)) => Target::Name {
                name: name.clone(),
                port: dst.port(),
                prefer: Some(dst.ip()),
                require: None,
            },
            (Self::Named(port), Some(name)) => Target::Name {
                name: name.clone(),
                port: *port,
                prefer: None,
                require: None,
            },
            // Such a rule is found by name alone. Were it not so, there is nowhere to go.
            (Self::OriginalIfNamed | Self::Named(_), None) => Target::Endpoints(Arc::default()),
            (Self::Listed(endpoints), _) => Target::Endpoints(Arc::clone(endpoints)),
        }
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
