//! The registry's reference, cell by cell: each row is one statement of it and a connection that shows it.

use std::path::Path;
use std::sync::Arc;

use super::build::{
    LEARNING, Spec, caller, cgroup, dst, ech, facts, h2, http, label, names, opaque, policy,
    service, tls, uid,
};
use crate::policy::{EndpointHost, Facts, Permit, Spread, Target, Verdict};
use crate::types::Protocol::{Grpc, Http, Http2, Https, Tcp, Tls};
use crate::types::Resolution::{Dns, DnsRoundRobin, DynamicDns, None as Own};
use crate::types::{Caller, Claim, Ech, Locality, Location, Pod, Selector, Trust};

/// Where clients go, if a row does not say otherwise.
const TO: &str = "203.0.113.1:443";

/// A statement, the registry that it is about, the connection, and who admits it or why nobody does.
type Row = (&'static str, Vec<Spec>, &'static str, Claim, &'static str);

fn decide(services: &[Spec], to: &str, claim: &Claim, learned: &[&str]) -> Verdict {
    let learned = names(learned);
    let facts = Facts {
        learned: &learned,
        ..facts(dst(to), claim)
    };
    policy(services, LEARNING).decide(&facts)
}

#[track_caller]
fn check(rows: Vec<Row>) {
    for (statement, services, to, claim, expected) in rows {
        assert_eq!(
            label(&decide(&services, to, &claim, &[])),
            expected,
            "{statement}"
        );
    }
}

fn web(host: &str) -> Spec {
    service("web").host(host).port(443, Tls)
}

#[test]
#[rustfmt::skip]
fn matching_rules() {
    let three = || vec![web("*.com").named("short"), web("*.example.com").named("long"), web("a.example.com").named("exact")];
    check(vec![
        ("*.example.com matches one label",            vec![web("*.example.com")], TO, tls("a.example.com"), "web"),
        ("… and more labels",                          vec![web("*.example.com")], TO, tls("b.a.example.com"), "web"),
        ("… never the apex",                           vec![web("*.example.com")], TO, tls("example.com"), "host_not_in_registry"),
        ("exact beats the longest suffix",             three(), TO, tls("a.example.com"), "exact"),
        ("the longest suffix beats a shorter one",     three(), TO, tls("b.example.com"), "long"),
        ("… and the shorter one has the rest",         three(), TO, tls("c.com"), "short"),
        ("deny beats allow",                           vec![web("a.example.com"), web("*.com").named("no").deny()], TO, tls("a.example.com"), "service_denied"),
        ("names are lower-case",                       vec![web("A.Example.COM")], TO, tls("a.eXample.com"), "web"),
        ("one trailing dot is stripped",               vec![web("a.example.com.")], TO, tls("a.example.com."), "web"),
        ("at most one",                                vec![web("a.example.com")], TO, tls("a.example.com.."), "no_name"),
        ("A-labels only",                              vec![web("bücher.example")], TO, tls("xn--bcher-kva.example"), "web"),
        ("an IP literal never matches hosts",          vec![web("*.example.com")], TO, tls("203.0.113.1"), "no_name"),
        ("an empty SNI is no name",                    vec![web("*.example.com")], TO, tls(""), "no_name"),
        ("… and address rules can admit it",           vec![service("net").address("203.0.113.0/24").port(443, Tls)], TO, tls(""), "net"),
        ("… and port rules",                           vec![service("port").port(443, Tcp).endpoint("192.0.2.1")], TO, tls(""), "port"),
        ("NONE with TCP needs addresses",              vec![service("any").port(443, Tcp)], TO, opaque(), "address_not_in_registry"),
    ]);
}

#[test]
#[rustfmt::skip]
fn keys_of_a_service() {
    let inside = || vec![web("a.example.com").address("203.0.113.0/24")];
    let spoken = |protocol| vec![service("web").host("a.example.com").port(443, protocol)];
    check(vec![
        ("hosts: TLS is matched on SNI",               spoken(Tls), TO, tls("a.example.com"), "web"),
        ("… HTTPS too",                                spoken(Https), TO, tls("a.example.com"), "web"),
        ("… HTTP on Host",                             spoken(Http), TO, http("a.example.com"), "web"),
        ("… or on :authority",                         spoken(Http), TO, h2("a.example.com"), "web"),
        ("… HTTP2 on :authority",                      spoken(Http2), TO, h2("a.example.com"), "web"),
        ("… GRPC too",                                 spoken(Grpc), TO, h2("a.example.com"), "web"),
        ("… and on nothing else",                      spoken(Http2), TO, http("a.example.com"), "protocol_mismatch"),
        ("addresses: the destination is inside",       inside(), TO, tls("a.example.com"), "web"),
        ("… or it is refused",                         inside(), "192.0.2.1:443", tls("a.example.com"), "address_mismatch"),
        ("… which may be one address",                 vec![service("db").address("203.0.113.1/32").port(443, Tcp)], TO, opaque(), "db"),
        ("… and no other",                             vec![service("db").address("203.0.113.2/32").port(443, Tcp)], TO, opaque(), "address_not_in_registry"),
        ("… of IPv6, too",                             vec![service("db").address("2001:db8::/32").port(443, Tcp)], "[2001:db8::1]:443", opaque(), "db"),
        ("ports: another port is another service's",   vec![web("a.example.com")], "203.0.113.1:444", tls("a.example.com"), "port_mismatch"),
        ("… and one that no service has",              vec![], "203.0.113.1:444", opaque(), "port_not_in_registry"),
        ("DNS over TLS has a reason of its own",       vec![], "203.0.113.1:853", tls("dns.example"), "dns_encrypted"),
        ("… unless a service has it",                  vec![service("dot").host("dns.example").port(853, Tls)], "203.0.113.1:853", tls("dns.example"), "dot"),
        ("ech: allow_outer goes by the name in the clear", vec![web("a.example.com")], TO, ech("a.example.com"), "web"),
        ("… deny refuses",                             vec![web("a.example.com").ech(Ech::Deny)], TO, ech("a.example.com"), "ech_denied"),
        ("… only ECH",                                 vec![web("a.example.com").ech(Ech::Deny)], TO, tls("a.example.com"), "web"),
    ]);
}

/// Someone in the pod `checkout` of the namespace `shop`, of whom everything is known.
fn checkout() -> Caller {
    Caller {
        exe: Some(Path::new("/usr/bin/pay").into()),
        cgroup_path: Some("/apps.slice/pay.service".into()),
        pod: Some(Arc::new(Pod {
            namespace: "shop".into(),
            name: "checkout".into(),
            service_account: "till".into(),
            labels: [
                ("app".into(), "checkout".into()),
                ("tier".into(), "front".into()),
            ]
            .into(),
            ..Pod::default()
        })),
        ..caller(1000)
    }
}

#[test]
#[rustfmt::skip]
fn who_may_use_a_service() {
    let of = |change: fn(&mut Selector)| {
        let mut selector = Selector::default();
        change(&mut selector);
        selector
    };
    let pattern = |text: &str| text.parse().ok();
    let rows = [
        ("namespace",        of(|s| s.namespace = Some("shop".into())), true),
        ("… another",        of(|s| s.namespace = Some("shopping".into())), false),
        ("service_account",  of(|s| s.service_account = Some("till".into())), true),
        ("… another",        of(|s| s.service_account = Some("default".into())), false),
        ("pod_labels",       of(|s| s.pod_labels = vec![("app".into(), "checkout".into())]), true),
        ("… with a value",   of(|s| s.pod_labels = vec![("app".into(), "cart".into())]), false),
        ("… all of them",    of(|s| s.pod_labels = vec![("app".into(), "checkout".into()), ("zone".into(), "a".into())]), false),
        ("cgroup",           cgroup("/apps.slice/pay.service"), true),
        ("… one above it",   cgroup("/apps.slice"), true),
        ("… by a pattern",   cgroup("/apps.slice/pay*"), true),
        ("… another",        cgroup("/apps"), false),
        ("exe",              Selector { exe: pattern("/usr/bin/*"), ..Selector::default() }, true),
        ("… another",        Selector { exe: pattern("/usr/bin/curl"), ..Selector::default() }, false),
        ("unit",             Selector { unit: pattern("pay.service"), ..Selector::default() }, true),
        ("… another",        Selector { unit: pattern("pay"), ..Selector::default() }, false),
        ("uid",              uid(1000), true),
        ("… another",        uid(1001), false),
        ("all that is said", Selector { exe: pattern("/usr/bin/curl"), ..uid(1000) }, false),
    ];
    for (statement, selector, may) in rows {
        for (spec, yes, no) in [
            (web("a.example.com").from(selector.clone()), "web", "caller_not_allowed"),
            (web("*.example.com").named("never").deny().from(selector), "service_denied", "web"),
        ] {
            let claim = tls("a.example.com");
            let denies = spec.get().deny;
            let services = if denies { vec![web("a.example.com"), spec] } else { vec![spec] };
            let facts = Facts { caller: &checkout(), ..facts(dst(TO), &claim) };
            let said = label(&policy(&services, LEARNING).decide(&facts));
            assert_eq!(said, if may { yes } else { no }, "{statement}, deny: {denies}");
        }
    }
    let everyone = decide(&[web("a.example.com")], TO, &tls("a.example.com"), &[]);
    assert_eq!(label(&everyone), "web", "empty: everyone, also who is not known");
}

/// What a permit lets be dialled, in short.
fn target(permit: &Permit) -> String {
    let text = match permit.target() {
        Target::Address(addr) => format!("{addr}"),
        Target::Answer { name, addr } => format!("{name} at {addr}"),
        Target::Name {
            name,
            port,
            prefer: Some(own),
        } => format!("{name}:{port}, rather {own}"),
        Target::Name {
            name,
            port,
            prefer: None,
        } => format!("{name}:{port}"),
        Target::Endpoints(endpoints) => {
            let hosts = endpoints.iter().map(|endpoint| match &endpoint.host {
                EndpointHost::Address(addr) => addr.to_string(),
                EndpointHost::Name(name, port) => format!("{name}:{port}"),
            });
            format!("one of {}", hosts.collect::<Vec<_>>().join(" "))
        }
    };
    match permit.required() {
        Some(required) => format!("{text}, if {} has {}", required.name, required.ip),
        None => text,
    }
}

fn permit(statement: &str, service: Spec, claim: &Claim, learned: &[&str]) -> Permit {
    match decide(&[service], TO, claim, learned) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("{statement}: {denial:?}"),
    }
}

#[test]
#[rustfmt::skip]
fn resolution_and_trust() {
    let sent = || tls("a.example");
    let named = |resolution| service("s").host("*.example").resolution(resolution).port(443, Tls).target("p", Some(8443));
    let here = |trust| web("a.example").address("203.0.113.0/24").trust(trust);
    let own = |trust| web("a.example").trust(trust);
    let tcp = |resolution| service("s").host("a.example").resolution(resolution).port(443, Tcp);
    let endpoint = |spec: Spec| spec.endpoint("192.0.2.7").at("p", 9443);
    let learned: &[&str] = &["a.example"];
    let rows: Vec<(&str, Spec, Claim, &[&str], &str)> = vec![
        ("NONE: the client's own address",              service("s").address("203.0.113.0/24").port(443, Tls), sent(), &[], TO),
        ("NONE with hosts: if it is one of the name's", own(Trust::Redial), sent(), &[], "a.example:443, rather 203.0.113.1"),
        ("STATIC: the endpoints",                       endpoint(web("a.example")), sent(), &[], "one of 192.0.2.7:443"),
        ("endpoints map ports by name",                 endpoint(named(Own)), sent(), &[], "one of 192.0.2.7:9443"),
        ("DNS: the host, at target_port",               named(Dns), sent(), &[], "a.example:8443"),
        ("DNS_ROUND_ROBIN: the same",                   named(DnsRoundRobin), sent(), &[], "a.example:8443"),
        ("DYNAMIC_DNS: the name that was sent",         named(DynamicDns), tls("b.a.example"), &[], "b.a.example:8443"),
        ("DNS with endpoints: those",                   web("a.example").resolution(Dns).endpoint("lb.test"), sent(), &[], "one of lb.test:443"),
        ("TCP, NONE: the address that was told",        tcp(Own), opaque(), learned, "a.example at 203.0.113.1:443"),
        ("TCP, DNS: an answer of now",                  tcp(Dns), opaque(), learned, "a.example:443"),
        ("TCP, STATIC: the endpoints",                  tcp(Own).endpoint("192.0.2.7"), opaque(), learned, "one of 192.0.2.7:443"),
        ("verify, NONE: the client's, required",        own(Trust::Verify), sent(), &[], "a.example:443, rather 203.0.113.1, if a.example has 203.0.113.1"),
        ("verify, DNS: an answer, required",            named(Dns).trust(Trust::Verify), sent(), &[], "a.example:8443, if a.example has 203.0.113.1"),
        ("verify, STATIC: endpoints, required",         endpoint(web("a.example")).trust(Trust::Verify), sent(), &[], "one of 192.0.2.7:443, if a.example has 203.0.113.1"),
        ("original: the client's own address",          here(Trust::Original), sent(), &[], TO),
        ("… only inside addresses",                     own(Trust::Original), sent(), &[], "a.example:443, rather 203.0.113.1"),
        ("require_verified_ip: ECH as under verify",    own(Trust::Redial).ech(Ech::RequireVerifiedIp), ech("a.example"), &[], "a.example:443, rather 203.0.113.1, if a.example has 203.0.113.1"),
        ("… and no ECH as it is",                       own(Trust::Redial).ech(Ech::RequireVerifiedIp), sent(), &[], "a.example:443, rather 203.0.113.1"),
        ("… also where the address is believed",        here(Trust::Original).ech(Ech::RequireVerifiedIp), ech("a.example"), &[], "203.0.113.1:443, if a.example has 203.0.113.1"),
    ];
    for (statement, service, claim, learned, expected) in rows {
        assert_eq!(target(&permit(statement, service, &claim, learned)), expected, "{statement}");
    }
}

#[test]
fn what_the_dialler_is_told_besides() {
    let claim = tls("a.example");
    let of = |spec: Spec| permit("it is admitted", spec, &claim, &[]);
    let spread = |resolution| of(web("a.example").resolution(resolution)).terms().spread;
    assert_eq!(
        (spread(Dns), spread(DnsRoundRobin)),
        (Spread::All, Spread::First)
    );
    assert_eq!(
        of(web("a.example")).terms().location,
        Location::MeshExternal
    );
    assert_eq!(
        of(web("a.example").internal()).terms().location,
        Location::MeshInternal
    );
    let weighed = of(web("a.example").endpoint("192.0.2.7").weighing(3, "eu/a"));
    let Target::Endpoints(endpoints) = weighed.target() else {
        panic!("{:?}", weighed.target());
    };
    let endpoint = endpoints.first().expect("an endpoint");
    assert_eq!(
        (endpoint.weight, &endpoint.locality),
        (3, &Some(Locality::new("eu/a")))
    );
}
