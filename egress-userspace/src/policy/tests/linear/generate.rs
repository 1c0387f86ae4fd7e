//! Small worlds, in which much collides: registries, routes and connections.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::build::{
    Spec, caller, cgroup, dst, ech, h2, http, names, opaque, service, tls, uid,
};
use crate::types::{
    Caller, Claim, Ech, HostName, OriginalDst, Place, Protocol, Resolution, Route,
    RouteDestination, RouteMatch, Selector, ServiceName, Trust,
};

const PATTERNS: [&str; 8] = [
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "example",
    "*.example",
    "*.a.example",
    "*.b.a.example",
    "*.test",
];
pub(super) const NAMES: [&str; 8] = [
    "",
    "example",
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "x.y.example",
    "test",
    "x.test",
];
const NETS: [&str; 7] = [
    "192.0.2.0/24",
    "192.0.2.0/25",
    "192.0.2.1/32",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::1/128",
];
const ADDRESSES: [&str; 5] = [
    "192.0.2.1",
    "192.0.2.200",
    "198.51.100.1",
    "2001:db8::1",
    "::2",
];
const PORTS: [u16; 3] = [80, 443, 5432];
/// `TCP` and `UDP` more often, so that ports of theirs alone come up.
const PROTOCOLS: [Protocol; 9] = [
    Protocol::Tls,
    Protocol::Https,
    Protocol::Http,
    Protocol::Http2,
    Protocol::Grpc,
    Protocol::Tcp,
    Protocol::Tcp,
    Protocol::Tcp,
    Protocol::Udp,
];
const RESOLUTIONS: [Resolution; 6] = [
    Resolution::None,
    Resolution::None,
    Resolution::Static,
    Resolution::Dns,
    Resolution::DnsRoundRobin,
    Resolution::DynamicDns,
];

/// A connection, and all that is known of it.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) dst: OriginalDst,
    pub(super) claim: Claim,
    pub(super) caller: Caller,
    pub(super) learned: Vec<HostName>,
    pub(super) draw: u32,
}

pub(super) fn registries() -> impl Strategy<Value = Vec<Spec>> {
    let numbered = |specs: Vec<Spec>| {
        let numbered = specs.into_iter().zip(0..);
        numbered
            .map(|(spec, n)| spec.named(&n.to_string()))
            .collect()
    };
    prop::collection::vec(one(), 0..8).prop_map(numbered)
}

fn one() -> impl Strategy<Value = Spec> {
    let found = (
        subsequence(PATTERNS.to_vec(), 0..=3),
        subsequence(NETS.to_vec(), 0..=2),
        subsequence(PORTS.to_vec(), 1..=2),
        select(PROTOCOLS.to_vec()),
    );
    let judged = (
        prop::bool::weighted(0.2),
        from(),
        select(vec![Trust::Redial, Trust::Verify, Trust::Original]),
        select(vec![Ech::AllowOuter, Ech::Deny, Ech::RequireVerifiedIp]),
        select(RESOLUTIONS.to_vec()),
        prop::bool::weighted(0.2),
    );
    (found, judged).prop_map(|((hosts, nets, ports, protocol), judged)| {
        let spec = hosts
            .iter()
            .fold(service("s"), |spec, host| spec.host(host));
        let spec = nets.iter().fold(spec, |spec, net| spec.address(net));
        let mut spec = ports
            .iter()
            .fold(spec, |spec, port| spec.port(*port, protocol));
        let (deny, from, trust, ech, resolution, bounded) = judged;
        if bounded {
            spec = spec.max_connections(1);
        }
        if resolution == Resolution::Static {
            spec = spec.endpoint("198.51.100.9");
        }
        let service = spec.get_mut();
        (service.deny, service.from, service.trust) = (deny, from, trust);
        (service.ech, service.resolution) = (ech, resolution);
        spec
    })
}

/// Often nobody in particular.
fn from() -> impl Strategy<Value = Vec<Selector>> {
    let both = Selector {
        uid: Some(1),
        ..cgroup("/a")
    };
    let selectors = vec![uid(1), uid(2), cgroup("/a"), both];
    prop_oneof![
        2 => Just(Vec::new()),
        1 => subsequence(selectors, 1..=2),
    ]
}

pub(super) fn routes() -> impl Strategy<Value = Vec<Route>> {
    prop::collection::vec(a_route(), 0..3).prop_map(|routes| {
        let numbered = routes.into_iter().zip(0..);
        let named = numbered.map(|(route, n)| Route {
            name: format!("route {n}"),
            ..route
        });
        named.collect()
    })
}

fn a_route() -> impl Strategy<Value = Route> {
    let given = (
        subsequence(PATTERNS.to_vec(), 0..=1),
        subsequence(NETS.to_vec(), 0..=1),
        prop::option::of(select(PORTS.to_vec())),
        from(),
    );
    let given = given.prop_map(|(hosts, nets, port, from)| RouteMatch {
        sni_hosts: hosts
            .iter()
            .map(|h| h.parse().expect("a pattern"))
            .collect(),
        destination_subnets: nets.iter().map(|n| n.parse().expect("a CIDR")).collect(),
        port,
        from,
    });
    let to = (0..9_u32, prop::option::of(select(PORTS.to_vec())), 1..4_u32);
    let to = to.prop_map(|(service, port, weight)| RouteDestination {
        service: ServiceName::new(&service.to_string()),
        port,
        weight,
    });
    let parts = (
        prop::collection::vec(given, 0..3),
        prop::collection::vec(to, 1..3),
    );
    parts.prop_map(|(matches, destinations)| Route {
        name: String::new(),
        matches,
        destinations,
        place: Place::default(),
    })
}

pub(super) fn connections() -> impl Strategy<Value = Connection> {
    let who = (0..3_u32, prop::option::of(select(vec!["/a/b", "/b"])));
    let parts = (
        select(ADDRESSES.to_vec()),
        select(PORTS.to_vec()),
        (0..5_usize, select(NAMES.to_vec())),
        who,
        subsequence(NAMES.iter().skip(1).copied().collect::<Vec<_>>(), 0..=2),
        any::<u32>(),
    );
    parts.prop_map(|(ip, port, (kind, name), (uid, path), learned, draw)| {
        let ip = ip.parse().expect("an address");
        Connection {
            dst: dst(&std::net::SocketAddr::new(ip, port).to_string()),
            claim: claims_of(name).into_iter().nth(kind).unwrap_or_else(opaque),
            caller: Caller {
                cgroup_path: path.map(Into::into),
                ..caller(uid)
            },
            learned: names(&learned),
            draw,
        }
    })
}

pub(super) fn claims_of(name: &str) -> [Claim; 4] {
    [tls(name), ech(name), http(name), h2(name)]
}
