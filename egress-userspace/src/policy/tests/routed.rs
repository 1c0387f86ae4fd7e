//! Where routes lead, and what they leave as it is.

use super::build::{
    LEARNING, Spec, caller, dst, facts, http, label, opaque, route, routed, service, tls, uid,
};
use crate::policy::{EndpointHost, Facts, Permit, Target, Verdict};
use crate::types::Protocol::{Tcp, Tls};
use crate::types::{Claim, OnRevoke, Route, RouteMatch, ServiceName, Trust};

fn registry() -> [Spec; 4] {
    [
        service("web")
            .host("*.example")
            .port(443, Tls)
            .on_revoke(OnRevoke::Keep),
        service("db").address("192.0.2.0/24").port(5432, Tcp),
        service("v1")
            .port(8443, Tls)
            .endpoint("198.51.100.1")
            .max_connections(3),
        service("v2").port(8443, Tls).endpoint("198.51.100.2"),
    ]
}

fn decide(routes: &[Route], to: &str, claim: &Claim, draw: u32) -> Verdict {
    let facts = Facts {
        draw,
        ..facts(dst(to), claim)
    };
    routed(&registry(), routes, LEARNING).decide(&facts)
}

fn permit(routes: &[Route], to: &str, claim: &Claim, draw: u32) -> Permit {
    match decide(routes, to, claim, draw) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

fn to_name(pattern: &str) -> RouteMatch {
    RouteMatch {
        sni_hosts: vec![pattern.parse().expect("a pattern")],
        ..RouteMatch::default()
    }
}

fn leads_to(permit: &Permit) -> String {
    match permit.target() {
        Target::Endpoints(endpoints) => match endpoints.first().map(|e| &e.host) {
            Some(EndpointHost::Address(addr)) => addr.to_string(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn an_admitted_connection_is_led_to_the_routes_destination() {
    let routes = [route("canary", to_name("a.example"), &[("v1", 1)])];
    let permit = permit(&routes, "203.0.113.1:443", &tls("a.example"), 0);
    assert_eq!(leads_to(&permit), "198.51.100.1:8443");
    assert_eq!(permit.route(), Some("canary"));
    assert_eq!(permit.service(), Some(&ServiceName::new("web")));
    assert_eq!(permit.destination(), Some(&ServiceName::new("v1")));
}

#[test]
fn bounds_are_the_destinations_and_revoking_is_the_admitting_services() {
    let routes = [route("canary", to_name("a.example"), &[("v1", 1)])];
    let permit = permit(&routes, "203.0.113.1:443", &tls("a.example"), 0);
    assert_eq!(permit.terms().traffic.pool.max_connections, Some(3));
    assert_eq!(permit.terms().on_revoke, OnRevoke::Keep);
}

#[test]
fn a_route_leads_to_nothing_that_is_denied() {
    let mut registry = registry();
    let [_, _, v1, _] = &mut registry;
    v1.get_mut().deny = true;
    let routes = [route("canary", to_name("a.example"), &[("v1", 1)])];
    let claim = tls("a.example");
    let facts = facts(dst("203.0.113.1:443"), &claim);
    let Verdict::Permit(permit) = routed(&registry, &routes, LEARNING).decide(&facts) else {
        panic!("the registry admits it");
    };
    assert_eq!(leads_to(&permit), "None", "nor to where it leads away from");
}

#[test]
fn whom_a_destination_is_for_does_not_matter_to_those_that_a_route_leads_there() {
    let mut registry = registry();
    let [_, _, v1, _] = &mut registry;
    v1.get_mut().from = vec![uid(7)];
    let routes = [route("canary", to_name("a.example"), &[("v1", 1)])];
    let claim = tls("a.example");
    let facts = facts(dst("203.0.113.1:443"), &claim);
    let Verdict::Permit(permit) = routed(&registry, &routes, LEARNING).decide(&facts) else {
        panic!("the registry admits it");
    };
    assert_eq!(leads_to(&permit), "198.51.100.1:8443");
}

#[test]
fn a_route_admits_nothing() {
    let routes = [route("all", RouteMatch::default(), &[("v1", 1)])];
    let verdict = decide(&routes, "203.0.113.1:443", &tls("a.test"), 0);
    assert_eq!(label(&verdict), "host_not_in_registry");
    let verdict = decide(&routes, "203.0.113.1:443", &http("a.example"), 0);
    assert_eq!(label(&verdict), "protocol_mismatch");
}

#[test]
fn every_word_of_a_match_must_fit() {
    let given = RouteMatch {
        destination_subnets: vec!["192.0.2.0/25".parse().expect("a CIDR")],
        port: Some(5432),
        from: vec![uid(1)],
        ..RouteMatch::default()
    };
    let policy = routed(&registry(), &[route("r", given, &[("v1", 1)])], LEARNING);
    let claim = opaque();
    let is_routed = |to: &str, uid: u32| {
        let caller = caller(uid);
        let facts = Facts {
            caller: &caller,
            ..facts(dst(to), &claim)
        };
        matches!(policy.decide(&facts), Verdict::Permit(permit) if permit.route().is_some())
    };
    assert!(is_routed("192.0.2.1:5432", 1));
    assert!(!is_routed("192.0.2.1:5432", 2), "from");
    assert!(!is_routed("192.0.2.200:5432", 1), "subnet");
    let elsewhere = RouteMatch {
        port: Some(5433),
        ..RouteMatch::default()
    };
    let routes = [route("r", elsewhere, &[("v1", 1)])];
    assert_eq!(
        permit(&routes, "192.0.2.1:5432", &opaque(), 0).route(),
        None,
        "port"
    );
}

#[test]
fn the_first_route_that_applies_holds_with_names_or_without() {
    let any = || RouteMatch::default();
    let named = route("named", to_name("*.example"), &[("v1", 1)]);
    let closer = route("closer", to_name("a.example"), &[("v2", 1)]);
    let rest = route("rest", any(), &[("v2", 1)]);
    let first = |routes: &[Route]| {
        let permit = permit(routes, "203.0.113.1:443", &tls("a.example"), 0);
        permit.route().map(ToOwned::to_owned)
    };
    assert_eq!(
        first(&[named.clone(), closer.clone(), rest.clone()]).as_deref(),
        Some("named")
    );
    assert_eq!(first(&[closer, named.clone()]).as_deref(), Some("closer"));
    assert_eq!(first(&[rest, named]).as_deref(), Some("rest"));
}

#[test]
fn destinations_are_drawn_by_weight() {
    let routes = [route(
        "canary",
        to_name("a.example"),
        &[("v1", 3), ("v2", 1)],
    )];
    let claim = tls("a.example");
    let quarter = 1 << 30;
    let drawn: Vec<_> = [0, quarter, 3 * quarter - 1, 3 * quarter, u32::MAX]
        .map(|draw| leads_to(&permit(&routes, "203.0.113.1:443", &claim, draw)))
        .into();
    let [v1, v2] = ["198.51.100.1:8443", "198.51.100.2:8443"];
    assert_eq!(drawn, [v1, v1, v1, v2, v2]);
}

#[test]
fn a_route_that_leads_nowhere_does_not_fall_back() {
    let routes = [route("lost", to_name("a.example"), &[("missing", 1)])];
    let permit = permit(&routes, "203.0.113.1:443", &tls("a.example"), 0);
    assert_eq!(permit.target(), &Target::Endpoints([].into()));
}

#[test]
fn what_the_admitting_service_verifies_is_verified_all_the_same() {
    let services = [
        service("web")
            .host("a.example")
            .port(443, Tls)
            .trust(Trust::Verify),
        service("v1").port(443, Tls).endpoint("198.51.100.1"),
    ];
    let routes = [route("r", RouteMatch::default(), &[("v1", 1)])];
    let claim = tls("a.example");
    let to = dst("203.0.113.1:443");
    let Verdict::Permit(permit) = routed(&services, &routes, LEARNING).decide(&facts(to, &claim))
    else {
        panic!("it was denied");
    };
    assert_eq!(
        permit.required().map(|r| (r.name.as_str(), r.ip)),
        Some(("a.example", to.ip()))
    );
    assert_eq!(leads_to(&permit), "198.51.100.1:443");
}

#[test]
fn one_upstream_by_two_routes_is_not_the_same() {
    let routes = [
        route("one", to_name("a.example"), &[("v1", 1)]),
        route("two", to_name("b.example"), &[("v3", 1)]),
    ];
    let mut services = registry().to_vec();
    services.push(service("v3").port(8443, Tls).endpoint("198.51.100.1"));
    let policy = routed(&services, &routes, LEARNING);
    let [one, other] = ["a.example", "b.example"].map(|name| {
        let claim = tls(name);
        match policy.decide(&facts(dst("203.0.113.1:443"), &claim)) {
            Verdict::Permit(permit) => permit,
            Verdict::Deny(denial) => panic!("denied: {denial:?}"),
        }
    });
    assert_eq!(one.target(), other.target());
    assert!(one.leads_as(&one));
    assert!(!other.leads_as(&one), "its terms are other ones");
}

#[test]
fn what_is_required_of_one_name_says_nothing_of_another() {
    let services = [service("web")
        .host("*.example")
        .port(443, Tls)
        .endpoint("198.51.100.1")
        .trust(Trust::Verify)];
    let policy = routed(&services, &[], LEARNING);
    let [one, other] = ["a.example", "b.example"].map(|name| {
        let claim = tls(name);
        match policy.decide(&facts(dst("203.0.113.1:443"), &claim)) {
            Verdict::Permit(permit) => permit,
            Verdict::Deny(denial) => panic!("denied: {denial:?}"),
        }
    });
    assert_eq!(one.target(), other.target());
    assert!(one.leads_as(&one));
    assert!(!other.leads_as(&one));
}
