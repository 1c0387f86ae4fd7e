//! Where an admitted connection goes.

use super::build::{Spec, dst, facts, h2, http, opaque, policy, service, tls};
use crate::policy::{EndpointHost, EndpointTarget, Options, Target, Verdict};
use crate::types::Claim;
use crate::types::Protocol::{Http, Tcp, Tls};
use crate::types::Resolution::{Dns, DynamicDns};

fn target(service: Spec, to: &str, claim: &Claim) -> Target {
    match policy(&[service], Options::default()).decide(&facts(dst(to), claim)) {
        Verdict::Permit(permit) => permit.target().clone(),
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

fn named(name: &str, port: u16, prefer: Option<&str>) -> Target {
    let prefer = prefer.map(|ip| ip.parse().expect("an address"));
    Target::Name {
        name: name.parse().expect("a name"),
        port,
        prefer,
    }
}

fn at(addr: &str) -> EndpointTarget {
    EndpointTarget::new(EndpointHost::Address(addr.parse().expect("an address")))
}

fn by_name(name: &str, port: u16) -> EndpointTarget {
    EndpointTarget::new(EndpointHost::Name(name.parse().expect("a name"), port))
}

#[test]
fn none_without_hosts_is_the_clients_own_address() {
    let db = service("db").address("192.0.2.0/24").port(5432, Tcp);
    let own = Target::Address(dst("192.0.2.7:5432").socket_addr());
    assert_eq!(target(db, "192.0.2.7:5432", &opaque()), own);
}

#[test]
fn none_with_hosts_prefers_the_clients_own_address_among_the_names() {
    let web = service("web").host("*.example").port(443, Tls);
    let expected = named("a.example", 443, Some("192.0.2.7"));
    assert_eq!(target(web, "192.0.2.7:443", &tls("a.example")), expected);
}

#[test]
fn dns_and_dynamic_dns_are_the_name_that_was_sent_at_the_target_port() {
    let dns = service("dns")
        .host("a.example")
        .host("b.example")
        .resolution(Dns)
        .port(80, Http);
    assert_eq!(
        target(dns.clone(), "192.0.2.7:80", &h2("b.example")),
        named("b.example", 80, None)
    );
    let dns = dns.target("web", Some(8080));
    assert_eq!(
        target(dns, "192.0.2.7:80", &http("a.example")),
        named("a.example", 8080, None)
    );
    let any = service("any")
        .host("*.example")
        .resolution(DynamicDns)
        .port(443, Tls);
    assert_eq!(
        target(any, "192.0.2.7:443", &tls("x.example")),
        named("x.example", 443, None)
    );
}

#[test]
fn tcp_with_dns_is_all_names_of_the_service() {
    let db = service("db")
        .host("a.example")
        .host("b.example")
        .resolution(Dns)
        .port(5432, Tcp);
    let expected = [by_name("a.example", 5432), by_name("b.example", 5432)];
    let expected = Target::Endpoints(expected.into());
    assert_eq!(target(db, "192.0.2.7:5432", &opaque()), expected);
}

#[test]
fn endpoints_have_the_port_they_map_else_the_target_port_else_the_ports_own() {
    let web = service("web").host("a.example").port(443, Tls);
    let endpoints = |web: Spec| {
        web.endpoint("192.0.2.1")
            .at("https", 9443)
            .endpoint("2001:db8::1")
            .at("other", 1)
    };
    let claim = tls("a.example");
    let expected = Target::Endpoints([at("192.0.2.1:443"), at("[2001:db8::1]:443")].into());
    assert_eq!(
        target(endpoints(web.clone()), "198.51.100.1:443", &claim),
        expected
    );
    let expected = Target::Endpoints([at("192.0.2.1:9443"), at("[2001:db8::1]:8443")].into());
    let web = endpoints(web.target("https", Some(8443)));
    assert_eq!(target(web, "198.51.100.1:443", &claim), expected);
}

#[test]
fn dns_endpoints_stand_for_the_hosts() {
    let web = service("web")
        .host("*.example")
        .resolution(Dns)
        .port(443, Tls)
        .endpoint("lb.test");
    let expected = Target::Endpoints([by_name("lb.test", 443)].into());
    assert_eq!(target(web, "192.0.2.7:443", &tls("a.example")), expected);
}

#[test]
fn a_permit_lists_the_services_addresses() {
    let web = service("web")
        .host("a.example")
        .address("10.0.0.0/8")
        .port(443, Tls);
    let claim = tls("a.example");
    let facts = facts(dst("10.1.2.3:443"), &claim);
    let Verdict::Permit(permit) = policy(&[web], Options::default()).decide(&facts) else {
        panic!("it was denied");
    };
    assert!(permit.lists("10.9.9.9".parse().expect("an address")));
    assert!(!permit.lists("192.168.0.1".parse().expect("an address")));
}
