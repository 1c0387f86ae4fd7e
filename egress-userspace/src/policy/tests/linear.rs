//! The compiled policy against a plain one that looks at every service.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::build::{Spec, dst, facts, h2, http, opaque, policy, service, tls};
use crate::policy::{Options, Verdict};
use crate::types::{Claim, HostName, HostPattern, Port, Protocol, Service};

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
const NAMES: [&str; 8] = [
    "",
    "example",
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "x.y.example",
    "test",
    "x.test",
];
const NETS: [&str; 6] = [
    "192.0.2.0/24",
    "192.0.2.0/25",
    "192.0.2.1/32",
    "0.0.0.0/0",
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
const PROTOCOLS: [Protocol; 6] = [
    Protocol::Tls,
    Protocol::Https,
    Protocol::Http,
    Protocol::Http2,
    Protocol::Grpc,
    Protocol::Tcp,
];

fn services() -> impl Strategy<Value = Vec<Spec>> {
    let parts = (
        subsequence(PATTERNS.to_vec(), 0..=3),
        subsequence(NETS.to_vec(), 0..=2),
        subsequence(PORTS.to_vec(), 1..=2),
        select(PROTOCOLS.to_vec()),
    );
    let one = parts.prop_map(|(hosts, nets, ports, protocol)| {
        let spec = hosts
            .iter()
            .fold(service("s"), |spec, host| spec.host(host));
        let spec = nets.iter().fold(spec, |spec, net| spec.address(net));
        ports
            .iter()
            .fold(spec, |spec, port| spec.port(*port, protocol))
    });
    prop::collection::vec(one, 0..8).prop_map(|specs| {
        specs
            .into_iter()
            .zip(0..)
            .map(|(s, n)| s.named(&n.to_string()))
            .collect()
    })
}

fn claims() -> impl Strategy<Value = Claim> {
    (0..4, select(NAMES.to_vec())).prop_map(|(kind, name)| match kind {
        0 => tls(name),
        1 => http(name),
        2 => h2(name),
        _ => opaque(),
    })
}

/// What decides between services that admit a connection; the greatest wins.
type Rank = (u8, usize, u8);

const BY_NAME: u8 = 3;
const BY_ADDRESS_OF_A_PROTOCOL: u8 = 2;
const BY_ADDRESS: u8 = 1;
const BY_PORT: u8 = 0;

fn rank(service: &Service, port: &Port, ip: IpAddr, claim: &Claim) -> Option<Rank> {
    if !port.protocol.is_spoken_by(claim) {
        return None;
    }
    let prefixes = service.addresses.iter().filter(|net| net.contains(&ip));
    let prefix = prefixes.map(|net| net.prefix_len() + 1).max().unwrap_or(0);
    let elsewhere = prefix == 0 && !service.addresses.is_empty();
    if elsewhere {
        return None;
    }
    match (
        port.protocol.sends_name(),
        service.hosts.is_empty(),
        service.addresses.is_empty(),
    ) {
        (true, false, _) => {
            let name = claim.name()?;
            let hosts = service
                .hosts
                .iter()
                .filter_map(|host| specificity(host, name));
            Some((BY_NAME, hosts.max()?, prefix))
        }
        (true, true, false) => Some((BY_ADDRESS_OF_A_PROTOCOL, 0, prefix)),
        (true, true, true) => None,
        (false, _, false) => Some((BY_ADDRESS, 0, prefix)),
        (false, _, true) => Some((BY_PORT, 0, 0)),
    }
}

fn specificity(host: &HostPattern, name: &HostName) -> Option<usize> {
    match host {
        HostPattern::Exact(exact) => (exact == name).then_some(usize::MAX),
        HostPattern::Suffix(apex) => {
            let ends = name.as_str().ends_with(&format!(".{apex}"));
            ends.then_some(apex.as_str().len())
        }
    }
}

proptest! {
    #[test]
    fn the_compiled_policy_agrees_with_a_look_at_every_service(
        specs in services(),
        ip in select(ADDRESSES.to_vec()),
        port in select(PORTS.to_vec()),
        claim in claims(),
    ) {
        let ip: IpAddr = ip.parse().expect("an address");
        let dst = dst(&std::net::SocketAddr::new(ip, port).to_string());
        let ranked: Vec<(Rank, &Service)> = specs
            .iter()
            .map(Spec::get)
            .flat_map(|service| service.ports.iter().map(move |port| (service, port)))
            .filter(|(_, p)| p.number == port)
            .filter_map(|(service, p)| Some((rank(service, p, ip, &claim)?, service)))
            .collect();
        let best = ranked.iter().map(|(rank, _)| *rank).max();

        match policy(&specs, Options::default()).decide(&facts(dst, &claim)) {
            Verdict::Permit(permit) => {
                let admitted = permit.service().expect("a service");
                // The file's rules leave no ties; here any of them will do.
                let of_the_best = |(rank, service): &(Rank, &Service)| {
                    Some(*rank) == best && service.name == *admitted
                };
                prop_assert!(ranked.iter().any(of_the_best), "{admitted} of {ranked:?}");
            }
            Verdict::Deny(denial) => prop_assert_eq!(best, None, "{:?}", denial),
        }
    }
}
