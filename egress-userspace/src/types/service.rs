//! An entry of the registry: what Istio calls a `ServiceEntry`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Claim, HostName, HostPattern, Place, Selector, ServiceName, TrafficPolicy};

/// A service outside, or inside, the mesh. The configuration makes only consistent ones.
#[derive(Clone, Debug)]
pub struct Service {
    /// Unique name.
    pub name: ServiceName,
    /// Names that admit a connection; empty: the service is found by address or port alone.
    pub hosts: Vec<HostPattern>,
    /// Where the client must have been going; empty: anywhere. Also the addresses that the guard
    /// lets an answer have although they are not public.
    pub addresses: Vec<IpNet>,
    /// At least one.
    pub ports: Vec<Port>,
    /// Inside or outside.
    pub location: Location,
    /// How the gateway finds the address to dial.
    pub resolution: Resolution,
    /// For `STATIC`, and for `DNS` where the dialled names differ from `hosts`.
    pub endpoints: Vec<Endpoint>,
    /// What matches is refused, whatever else admits it.
    pub deny: bool,
    /// Who may use it; empty: everyone.
    pub from: Vec<Selector>,
    /// How far the name that a client sends is believed.
    pub trust: Trust,
    /// What becomes of a TLS client that encrypts the name it wants.
    pub ech: Ech,
    /// Which requests of a connection are judged, on ports of HTTP in the clear.
    pub http: HttpJudging,
    /// What becomes of its connections when a new policy forbids them.
    pub on_revoke: OnRevoke,
    /// How its connections are spread and bounded.
    pub traffic: Arc<TrafficPolicy>,
    /// Where the entry begins.
    pub place: Place,
}

impl Service {
    /// One of which nothing is said but its name. It has no port yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: ServiceName::new(name),
            hosts: Vec::new(),
            addresses: Vec::new(),
            ports: Vec::new(),
            location: Location::default(),
            resolution: Resolution::default(),
            endpoints: Vec::new(),
            deny: false,
            from: Vec::new(),
            trust: Trust::default(),
            ech: Ech::default(),
            http: HttpJudging::default(),
            on_revoke: OnRevoke::default(),
            traffic: Arc::default(),
            place: Place::default(),
        }
    }
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// The port the client asked for, 1 to 65535.
    pub number: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The port to dial, where it differs.
    pub target_port: Option<u16>,
    /// A name that endpoints use to map it.
    pub name: Option<String>,
}

/// What is spoken on a port, and so where the name is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TLS: the name is the SNI.
    Tls,
    /// HTTP in TLS: the same as `TLS` for a gateway that does not terminate it.
    Https,
    /// HTTP/1 in the clear, or HTTP/2 by prior knowledge: the name is `Host` or `:authority`.
    Http,
    /// HTTP/2 in the clear, by prior knowledge: the name is `:authority`.
    Http2,
    /// gRPC in the clear: the same as `HTTP2`.
    Grpc,
    /// Anything: no name, only address and port.
    Tcp,
    /// Datagrams: no name, only address and port, and the kernel alone decides.
    Udp,
}

impl Protocol {
    /// The word, as in `ports`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Https => "HTTPS",
            Self::Http => "HTTP",
            Self::Http2 => "HTTP2",
            Self::Grpc => "GRPC",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// Whether a client that speaks it sends the name of the host it wants.
    pub fn sends_name(self) -> bool {
        match self {
            Self::Tls | Self::Https | Self::Http | Self::Http2 | Self::Grpc => true,
            Self::Tcp | Self::Udp => false,
        }
    }

    /// Whether a client that began with `claim` speaks it.
    pub fn is_spoken_by(self, claim: &Claim) -> bool {
        match self {
            Self::Tls | Self::Https => matches!(claim, Claim::Tls(_)),
            Self::Http => matches!(claim, Claim::Http1 { .. } | Claim::Http2 { .. }),
            Self::Http2 | Self::Grpc => matches!(claim, Claim::Http2 { .. }),
            Self::Tcp => true,
            Self::Udp => false,
        }
    }

    /// The word for what a client says on the wire: a connection may belong to any protocol of one
    /// family.
    pub fn family(self) -> &'static str {
        match self {
            Self::Tls | Self::Https => "tls",
            Self::Http | Self::Http2 | Self::Grpc => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Where a service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Location {
    /// Outside the mesh.
    #[default]
    MeshExternal,
    /// Inside the mesh.
    MeshInternal,
}

/// How the address to dial is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// The client's own address; where `hosts` are set it must be one of the name's, else the
    /// name's own is dialled.
    #[default]
    None,
    /// One of `endpoints`.
    Static,
    /// The service's host (or `endpoints` that are names) resolved by the gateway, and balanced over
    /// all answers.
    Dns,
    /// The same, but a connection goes to the first answer only.
    DnsRoundRobin,
    /// The name that the client sent, resolved by the gateway.
    DynamicDns,
}

impl Resolution {
    /// Whether the service's own names are resolved.
    pub fn resolves_hosts(self) -> bool {
        matches!(self, Self::Dns | Self::DnsRoundRobin)
    }
}

/// Where a service is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address or name.
    pub address: EndpointAddress,
    /// Port to dial for a service port's name, where it differs.
    pub ports: Vec<(String, u16)>,
    /// Its share of the connections, relative to the other endpoints', 1 to 1,000,000.
    pub weight: u32,
    /// Where it is, if that is known.
    pub locality: Option<Locality>,
}

/// How far the name that a client sends is believed. It is a claim: the client's own address may be
/// anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The gateway dials an address of the name, whatever the client's was.
    #[default]
    Redial,
    /// The client's address must be one of the name's, or the connection is denied.
    Verify,
    /// The client's address is dialled, whatever the name's are; it is one of `addresses`.
    Original,
}

/// What becomes of a TLS client that sends `encrypted_client_hello` (RFC 9849). GREASE looks the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ech {
    /// It is judged by the name in the clear.
    #[default]
    AllowOuter,
    /// It is denied.
    Deny,
    /// As `trust = "verify"` says for this connection.
    RequireVerifiedIp,
}

/// Which requests of a connection are judged, where HTTP is spoken in the clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpJudging {
    /// Each.
    #[default]
    EveryRequest,
    /// The first; the rest is relayed unread.
    First,
}

/// What becomes of a connection when a new policy forbids it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRevoke {
    /// It is reset at once.
    #[default]
    Close,
    /// It is reset after this long, if it has not ended by itself.
    Drain(Duration),
    /// It goes on.
    Keep,
}

/// A place as load balancing knows it: `region`, `region/zone` or `region/zone/subzone`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locality(Arc<str>);

impl Locality {
    /// Takes a text that the configuration has checked.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its parts, the widest first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// An endpoint's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointAddress {
    /// An address, dialled as it is.
    Ip(IpAddr),
    /// A name, resolved by the gateway.
    Name(HostName),
}
