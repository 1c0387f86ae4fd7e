//! What a service says of all its connections.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::types::{HttpJudging, Location, OnRevoke, Resolution, Service, TrafficPolicy};

/// What a service says of all its connections. Services that say the same share one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The service's `addresses`.
    pub listed: Box<[IpNet]>,
    /// Where it is. The names of one inside the mesh (`MESH_INTERNAL`) may have private addresses: that
    /// is where meshes are. Loopback, link-local, multicast and metadata addresses stay refused.
    pub location: Location,
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

impl Terms {
    /// What a service says.
    pub(super) fn of(service: &Service) -> Self {
        Self {
            listed: service.addresses.as_slice().into(),
            location: service.location,
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

    /// Whether the service lists `ip` in its `addresses`: then a resolved answer may be it although
    /// it is not public.
    pub fn lists(&self, ip: IpAddr) -> bool {
        self.listed.iter().any(|net| net.contains(&ip))
    }
}
