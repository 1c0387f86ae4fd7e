//! Which addresses a name may lead to.
//!
//! Whoever runs a name's DNS chooses where it points. Without this guard an allowed name could be
//! pointed at the node itself, its neighbours, or a cloud's metadata server. So an answer must be a
//! public address unless the service lists it.
//!
//! The documentation ranges (RFC 5737, RFC 3849, RFC 9637) pass: nothing is routed there, so nothing
//! is protected by refusing them, and examples and tests can use them as "the internet".

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::policy::Permit;
use crate::types::Location;

/// An address that may be dialled: one that stands in the permit, or an answer that passed the guard.
///
/// Connecting takes nothing else, so no address is dialled that was not judged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cleared(SocketAddr);

impl Cleared {
    /// An address that the permit names itself: the client's own destination or the operator's.
    pub(super) fn permitted(addr: SocketAddr) -> Self {
        Self(addr)
    }

    /// An address that a name resolved to.
    pub(super) fn answer(permit: &Permit, ip: IpAddr, port: u16) -> Result<Self, Refused> {
        let ip = ip.to_canonical();
        if !permit.lists(ip) {
            check_answer(ip, permit.terms().location)?;
        }
        Ok(Self(SocketAddr::new(ip, port)))
    }

    pub(super) fn addr(self) -> SocketAddr {
        self.0
    }
}

/// An answer that is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ip} ({class})")]
pub struct Refused {
    /// The address.
    pub ip: IpAddr,
    /// What it is instead.
    pub class: Class,
}

/// Why an address is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// "This network", which Linux takes for the local host (RFC 1122).
    Unspecified,
    /// The local host.
    Loopback,
    /// The local link, with most clouds' metadata servers.
    LinkLocal,
    /// Private networks (RFC 1918, RFC 4193).
    Private,
    /// Carrier-grade NAT (RFC 6598), with Alibaba's metadata server.
    Shared,
    /// A cloud's metadata server on an address that is otherwise public or private.
    Metadata,
    /// Many receivers.
    Multicast,
    /// All receivers.
    Broadcast,
    /// Benchmark networks (RFC 2544, RFC 5180).
    Benchmarking,
    /// Set aside by IANA and not routed on the internet.
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Benchmarking => "benchmarking",
            Self::Reserved => "reserved",
        })
    }
}

/// The special-purpose registry of IANA for IPv4 (RFC 6890), narrower ranges first.
const V4: &[(Ipv4Net, Class)] = &[
    (v4(0, 0, 0, 0, 8), Class::Unspecified),
    (v4(10, 0, 0, 0, 8), Class::Private),
    (v4(100, 64, 0, 0, 10), Class::Shared),
    (v4(127, 0, 0, 0, 8), Class::Loopback),
    // Azure's WireServer: DNS, health and goal state of the virtual machine.
    (v4(168, 63, 129, 16, 32), Class::Metadata),
    (v4(169, 254, 0, 0, 16), Class::LinkLocal),
    (v4(172, 16, 0, 0, 12), Class::Private),
    // IETF protocol assignments (RFC 6890), with Oracle Cloud's older metadata server.
    (v4(192, 0, 0, 0, 24), Class::Reserved),
    // The relays of 6to4, withdrawn by RFC 7526.
    (v4(192, 88, 99, 0, 24), Class::Reserved),
    (v4(192, 168, 0, 0, 16), Class::Private),
    (v4(198, 18, 0, 0, 15), Class::Benchmarking),
    (v4(224, 0, 0, 0, 4), Class::Multicast),
    (v4(255, 255, 255, 255, 32), Class::Broadcast),
    (v4(240, 0, 0, 0, 4), Class::Reserved),
];

/// The same for IPv6.
const V6: &[(Ipv6Net, Class)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Class::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Loopback),
    // NAT64 prefixes of local use (RFC 8215): where the IPv4 address stands in them is not known.
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Class::Reserved),
    // Discard-only (RFC 6666).
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Class::Reserved),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Class::Benchmarking),
    // Segment routing identifiers (RFC 9602).
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Class::Reserved),
    // Metadata servers of AWS, Google, Oracle and Scaleway.
    (
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        Class::Metadata,
    ),
    (
        v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
        Class::Metadata,
    ),
    (
        v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
        Class::Metadata,
    ),
    (
        v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
        Class::Metadata,
    ),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Class::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Class::LinkLocal),
    // Site-local, withdrawn by RFC 3879, still private where it is used.
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Class::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Class::Multicast),
];

/// Refuses what is not a public address, also when it stands inside an IPv6 address that a
/// translator or tunnel turns into it. What is inside the mesh may be private too.
pub fn check_answer(ip: IpAddr, location: Location) -> Result<(), Refused> {
    let ip = ip.to_canonical();
    let class = match ip {
        IpAddr::V4(ip) => class_v4(ip),
        IpAddr::V6(ip) => class_v6(ip),
    };
    match (class, location) {
        (None, _) | (Some(Class::Private), Location::MeshInternal) => Ok(()),
        (Some(class), _) => Err(Refused { ip, class }),
    }
}

/// Whether all of a network is of one kind that is not public: who lists it means that kind, and who lists a
/// wider one need not.
pub fn is_special(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => V4.iter().any(|(special, _)| special.contains(&net)),
        IpNet::V6(net) => V6.iter().any(|(special, _)| special.contains(&net)),
    }
}

fn class_v4(ip: Ipv4Addr) -> Option<Class> {
    V4.iter()
        .find(|(net, _)| net.contains(&ip))
        .map(|&(_, class)| class)
}

fn class_v6(ip: Ipv6Addr) -> Option<Class> {
    let own = V6
        .iter()
        .find(|(net, _)| net.contains(&ip))
        .map(|&(_, class)| class);
    own.or_else(|| class_v4(embedded(ip)?))
}

/// The IPv4 address that packets to `ip` end at, if it is a form that embeds one.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // Compatible (RFC 4291), mapped (RFC 4291), translated (RFC 2765), and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4 (RFC 3056).
        | [0x2002, high, low, ..] => Some(join(high, low)),
        // Teredo (RFC 4380): the client's address, with every bit turned.
        [0x2001, 0, .., high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

#[cfg(test)]
mod tests;
