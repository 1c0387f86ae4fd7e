//! What a decision is: a permit that can be dialled, or a denial with its reason.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use crate::types::{
    DenyReason, HostName, HttpJudging, Locality, Mode, OnRevoke, OriginalDst, Place, Resolution,
    Service, ServiceName, TrafficPolicy,
};

/// The outcome of [`decide`](super::Policy::decide).
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The connection may be made.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenyReason,
    /// The service that denies it, or came nearest, if one did.
    pub service: Option<ServiceName>,
    /// Where that service is written.
    pub rule: Option<Place>,
}

/// The right to one connection. Only this module makes one, and dialling takes nothing else.
#[derive(Clone, Debug)]
pub struct Permit {
    service: Option<ServiceName>,
    rule: Option<Place>,
    route: Option<Arc<str>>,
    terms: Arc<Terms>,
    target: Target,
    would_deny: Option<Denial>,
    mode: Mode,
}

/// What a service says of all its connections. Services that say the same share one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The service's `addresses`.
    pub listed: Box<[IpNet]>,
    /// How its connections are spread and bounded.
    pub traffic: Arc<TrafficPolicy>,
    /// Which requests are judged, on ports of HTTP in the clear.
    pub http: HttpJudging,
    /// What becomes of its connections when a new policy forbids them.
    pub on_revoke: OnRevoke,
    /// Which of its addresses may be dialled.
    pub spread: Spread,
}

/// Which of a service's addresses one connection may go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spread {
    /// All, one after the other.
    #[default]
    All,
    /// The first that a name resolves to (`resolution = "DNS_ROUND_ROBIN"`).
    First,
}

/// Where a permit leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address that is dialled as it is: the client's own destination.
    Address(SocketAddr),
    /// A name that the gateway resolves.
    Name {
        /// The name.
        name: HostName,
        /// The port to dial.
        port: u16,
        /// The client's own address: dialled if it is among the answers (`resolution = "NONE"`).
        prefer: Option<IpAddr>,
        /// The client's own address: if it is not one of the name's, nothing is dialled
        /// (`trust = "verify"`).
        require: Option<IpAddr>,
    },
    /// Addresses and names that the service lists.
    Endpoints(Arc<[EndpointTarget]>),
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTarget {
    /// Where, and the port to dial.
    pub host: EndpointHost,
    /// Its share, relative to the others'.
    pub weight: u32,
    /// Where it is, if that is known.
    pub locality: Option<Locality>,
}

/// Where an endpoint is, with the port to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// An address, dialled as it is: the operator listed it.
    Address(SocketAddr),
    /// A name that the gateway resolves, and the port.
    Name(HostName, u16),
}

impl EndpointTarget {
    /// One that is as good as any other.
    pub fn new(host: EndpointHost) -> Self {
        Self {
            host,
            weight: 1,
            locality: None,
        }
    }
}

impl Terms {
    /// What a service says.
    pub(super) fn of(service: &Service) -> Self {
        Self {
            listed: service.addresses.as_slice().into(),
            traffic: Arc::clone(&service.traffic),
            http: service.http,
            on_revoke: service.on_revoke,
            spread: match service.resolution {
                Resolution::DnsRoundRobin => Spread::First,
                Resolution::None
                | Resolution::Static
                | Resolution::Dns
                | Resolution::DynamicDns => Spread::All,
            },
        }
    }
}

impl Permit {
    /// A permit that no policy gave, for the tests of what takes permits.
    #[cfg(test)]
    pub(crate) fn for_test(target: Target, terms: Terms) -> Self {
        Self {
            service: None,
            rule: None,
            route: None,
            terms: Arc::new(terms),
            target,
            would_deny: None,
            mode: Mode::Enforce,
        }
    }

    /// For a connection that `service` admits on these terms.
    pub(super) fn admitted(
        service: ServiceName,
        rule: Place,
        terms: Arc<Terms>,
        target: Target,
        mode: Mode,
    ) -> Self {
        Self {
            service: Some(service),
            rule: Some(rule),
            route: None,
            terms,
            target,
            would_deny: None,
            mode,
        }
    }

    /// For a connection that no service admits, to where the client wanted to go.
    pub(super) fn passed(dst: OriginalDst, would_deny: Option<Denial>, mode: Mode) -> Self {
        Self {
            service: None,
            rule: None,
            route: None,
            terms: Arc::default(),
            target: Target::Address(dst.socket_addr()),
            would_deny,
            mode,
        }
    }

    /// Takes the permit back because of what dialling found, such as an answer that is refused.
    /// In audit mode the connection goes where the client wanted to go instead.
    pub fn refuse(self, reason: DenyReason, dst: OriginalDst) -> Verdict {
        let denial = Denial {
            reason,
            service: self.service,
            rule: self.rule,
        };
        match self.mode {
            Mode::Enforce => Verdict::Deny(denial),
            Mode::Audit => Verdict::Permit(Self::passed(dst, Some(denial), self.mode)),
        }
    }

    /// The service that admitted the connection; `None`: passed through unregistered.
    pub fn service(&self) -> Option<&ServiceName> {
        self.service.as_ref()
    }

    /// Where that service is written.
    pub fn rule(&self) -> Option<&Place> {
        self.rule.as_ref()
    }

    /// The route that leads it elsewhere.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// What the service it leads to says of its connections.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Where to dial.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the service lists `ip` in its `addresses`: then a resolved answer may be it although
    /// it is not public.
    pub fn lists(&self, ip: IpAddr) -> bool {
        self.terms.listed.iter().any(|net| net.contains(&ip))
    }

    /// What enforcement would have said, in audit mode.
    pub fn would_deny(&self) -> Option<&Denial> {
        self.would_deny.as_ref()
    }
}
