//! Which names may be resolved, by whom.

use super::build::{LEARNING, Spec, caller, policy, service, uid};
use crate::policy::Options;
use crate::types::Protocol::{Http, Tcp, Tls};
use crate::types::{Mode, OutboundTrafficPolicy};

/// The service by which a name is resolved, `-` for none, or the label of the denial.
fn outcome(services: &[Spec], name: &str, by: u32, options: Options) -> String {
    let name = name.parse().expect("a name");
    match policy(services, options).resolves(&name, &caller(by)) {
        Ok(may) => may.service().map_or("-".into(), ToString::to_string),
        Err(denial) => denial.reason.to_string(),
    }
}

fn web(name: &str, host: &str) -> Spec {
    service(name).host(host).port(443, Tls)
}

#[test]
fn a_name_of_any_port_may_be_resolved_by_its_callers() {
    let services = [
        web("web", "*.example"),
        service("db")
            .host("db.example")
            .port(5432, Tcp)
            .from(uid(1)),
    ];
    let of = |name, by| outcome(&services, name, by, LEARNING);
    assert_eq!(of("a.example", 1), "web");
    assert_eq!(of("db.example", 1), "db");
    assert_eq!(of("db.example", 2), "web");
    assert_eq!(of("a.test", 1), "host_not_in_registry");
    let barred = [web("web", "a.example").from(uid(1))];
    assert_eq!(
        outcome(&barred, "a.example", 2, LEARNING),
        "caller_not_allowed"
    );
}

#[test]
fn a_name_that_is_denied_wherever_it_is_allowed_is_not_resolved() {
    let denied = |deny: Spec| {
        let services = [web("web", "*.example").port(80, Http), deny.deny()];
        outcome(&services, "a.example", 1, LEARNING)
    };
    assert_eq!(
        denied(web("deny", "a.example").port(80, Http)),
        "service_denied"
    );
    assert_eq!(denied(web("deny", "a.example")), "web", "port 80 is left");
    let there = web("deny", "a.example")
        .port(80, Http)
        .address("192.0.2.0/24");
    assert_eq!(denied(there), "web", "other addresses are left");
    let other = web("deny", "a.example").port(80, Http).from(uid(2));
    assert_eq!(denied(other), "web", "it is for another caller");
}

#[test]
fn an_answer_may_be_what_any_of_the_names_services_lists() {
    let services = [
        web("web", "a.example").address("10.0.0.0/8"),
        service("db").host("a.example").port(5432, Tcp),
        service("mesh")
            .host("mesh.example")
            .port(5432, Tcp)
            .internal(),
    ];
    let policy = policy(&services, LEARNING);
    let of = |name: &str| {
        policy
            .resolves(&name.parse().expect("a name"), &caller(1))
            .expect("it may be")
    };
    let ip = |text: &str| text.parse().expect("an address");
    assert!(of("a.example").lists(ip("10.1.2.3")));
    assert!(!of("a.example").lists(ip("192.168.0.1")));
    assert!(!of("a.example").is_internal());
    assert!(of("mesh.example").is_internal());
}

#[test]
fn hosts_that_no_port_is_found_by_are_not_resolved() {
    let services = [service("db")
        .host("a.example")
        .address("192.0.2.0/24")
        .port(5432, Tcp)];
    assert_eq!(
        outcome(&services, "a.example", 1, Options::default()),
        "host_not_in_registry"
    );
}

#[test]
fn allow_any_and_audit_let_through_what_they_let_through_elsewhere() {
    let services = [web("deny", "bad.example").deny(), web("bad", "*.example")];
    let any = Options {
        outbound: OutboundTrafficPolicy::AllowAny,
        ..LEARNING
    };
    assert_eq!(outcome(&services, "a.test", 1, any), "-");
    assert_eq!(outcome(&services, "bad.example", 1, any), "service_denied");
    let audit = Options {
        mode: Mode::Audit,
        ..LEARNING
    };
    let name = "bad.example".parse().expect("a name");
    let may = policy(&services, audit)
        .resolves(&name, &caller(1))
        .expect("audit denies nothing");
    assert_eq!(
        may.would_deny().map(|denial| denial.reason.label()),
        Some("service_denied")
    );
}
