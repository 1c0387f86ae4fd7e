//! What the rules of the registry mean, one sentence a test.

mod build;
mod callers;
mod denied;
mod explained;
mod kernel;
mod learned;
mod linear;
mod modes;
mod resolvable;
mod routed;
mod table;
mod target;
mod waiting;

use super::Options;
use crate::types::Protocol::{Grpc, Http, Http2, Https, Tcp, Tls};
use build::{Spec, h2, http, opaque, policy, service, tls};

/// The service that admits, or the reason why none does.
fn outcome(services: &[Spec], to: &str, claim: &crate::types::Claim) -> String {
    build::outcome(&policy(services, Options::default()), to, claim)
}

#[test]
fn an_exact_name_beats_the_longest_suffix_which_beats_a_shorter_one() {
    let services = [
        service("short").host("*.com").port(443, Tls),
        service("long").host("*.example.com").port(443, Tls),
        service("exact").host("www.example.com").port(443, Tls),
    ];
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("www.example.com")),
        "exact"
    );
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("api.example.com")),
        "long"
    );
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("a.b.example.com")),
        "long"
    );
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("example.com")),
        "short"
    );
}

#[test]
fn each_protocol_is_found_by_its_own_claim() {
    let services = [
        service("tls").host("tls.example").port(1, Tls),
        service("https").host("https.example").port(1, Https),
        service("http").host("http.example").port(1, Http),
        service("http2").host("http2.example").port(1, Http2),
        service("grpc").host("grpc.example").port(1, Grpc),
    ];
    for (name, admitted) in [
        ("tls", [true, false, false]),
        ("https", [true, false, false]),
        ("http", [false, true, true]),
        ("http2", [false, false, true]),
        ("grpc", [false, false, true]),
    ] {
        let host = format!("{name}.example");
        for (claim, admitted) in [tls(&host), http(&host), h2(&host)].iter().zip(admitted) {
            let expected = if admitted { name } else { "protocol_mismatch" };
            assert_eq!(
                outcome(&services, "192.0.2.1:1", claim),
                expected,
                "{claim:?}"
            );
        }
    }
}

#[test]
fn a_name_with_addresses_is_admitted_only_towards_them() {
    let services = [service("a")
        .host("a.example")
        .address("192.0.2.0/24")
        .address("2001:db8::/32")
        .port(443, Tls)];
    assert_eq!(outcome(&services, "192.0.2.9:443", &tls("a.example")), "a");
    assert_eq!(
        outcome(&services, "[2001:db8::1]:443", &tls("a.example")),
        "a"
    );
    assert_eq!(
        outcome(&services, "[::ffff:192.0.2.9]:443", &tls("a.example")),
        "a"
    );
    assert_eq!(
        outcome(&services, "198.51.100.1:443", &tls("a.example")),
        "address_mismatch"
    );
}

#[test]
fn a_specific_name_elsewhere_does_not_hide_a_wider_one() {
    let services = [
        service("there")
            .host("a.example")
            .address("192.0.2.0/24")
            .port(443, Tls),
        service("anywhere").host("*.example").port(443, Tls),
    ];
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("a.example")),
        "there"
    );
    assert_eq!(
        outcome(&services, "198.51.100.1:443", &tls("a.example")),
        "anywhere"
    );
}

#[test]
fn of_equal_names_the_longest_prefix_decides() {
    let services = [
        service("wide")
            .host("a.example")
            .address("192.0.2.0/24")
            .port(443, Tls),
        service("none").host("a.example").port(443, Tls),
        service("narrow")
            .host("a.example")
            .address("192.0.2.1/32")
            .port(443, Tls),
    ];
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("a.example")),
        "narrow"
    );
    assert_eq!(
        outcome(&services, "192.0.2.2:443", &tls("a.example")),
        "wide"
    );
    assert_eq!(
        outcome(&services, "198.51.100.1:443", &tls("a.example")),
        "none"
    );
}

#[test]
fn addresses_without_hosts_admit_any_name_and_none_of_the_protocol() {
    let services = [service("a").address("192.0.2.0/24").port(443, Tls)];
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("whatever.example")),
        "a"
    );
    assert_eq!(outcome(&services, "192.0.2.1:443", &tls("")), "a");
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &opaque()),
        "protocol_mismatch"
    );
    assert_eq!(
        outcome(&services, "198.51.100.1:443", &tls("")),
        "address_not_in_registry"
    );
}

#[test]
fn tcp_is_found_by_the_longest_prefix_then_by_port() {
    let services = [
        service("any").endpoint("203.0.113.1").port(5432, Tcp),
        service("wide").address("192.0.2.0/24").port(5432, Tcp),
        service("narrow").address("192.0.2.1/32").port(5432, Tcp),
    ];
    assert_eq!(outcome(&services, "192.0.2.1:5432", &opaque()), "narrow");
    assert_eq!(
        outcome(&services, "192.0.2.2:5432", &tls("x.example")),
        "wide"
    );
    assert_eq!(outcome(&services, "198.51.100.1:5432", &opaque()), "any");
}

#[test]
fn a_name_comes_before_an_address_and_a_spoken_protocol_before_tcp() {
    let services = [
        service("tcp").address("192.0.2.1/32").port(443, Tcp),
        service("tls").address("192.0.2.0/24").port(443, Tls),
        service("name").host("a.example").port(443, Tls),
    ];
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("a.example")),
        "name"
    );
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &tls("b.example")),
        "tls"
    );
    assert_eq!(outcome(&services, "192.0.2.1:443", &opaque()), "tcp");
}
