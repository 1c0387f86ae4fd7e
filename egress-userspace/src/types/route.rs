//! What Istio calls a `VirtualService`'s `tls` and `tcp` routes.

use ipnet::IpNet;

use super::{HostPattern, Place, Selector, ServiceName};

/// Leads connections that the registry admits to other services than the one that admitted them.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique among routes.
    pub name: String,
    /// It applies if one of these does; of several routes the first that applies holds.
    pub matches: Vec<RouteMatch>,
    /// Where to, by weight. At least one.
    pub destinations: Vec<RouteDestination>,
    /// Where the entry begins.
    pub place: Place,
}

/// What a connection is like; what is not said does not matter.
#[derive(Clone, Debug, Default)]
pub struct RouteMatch {
    /// The name that the client sent, in its `ClientHello` or its request, is one of these.
    pub sni_hosts: Vec<HostPattern>,
    /// The address that the client asked for is in one of these.
    pub destination_subnets: Vec<IpNet>,
    /// The port that the client asked for.
    pub port: Option<u16>,
    /// Who asked: one of these.
    pub from: Vec<Selector>,
}

/// A service, and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteDestination {
    /// A service of the registry that says itself where it is: `STATIC`, `DNS` or `DNS_ROUND_ROBIN`.
    pub service: ServiceName,
    /// Which of the service's ports; `None`: the one that the client asked for, or the only one.
    pub port: Option<u16>,
    /// Its share of the connections, relative to the other destinations', 1 to 1,000,000.
    pub weight: u32,
}
