//! Which connections are waited on for a name.

use super::build::{LEARNING, Spec, caller, dst, facts, names, opaque, policy, service, uid};
use crate::policy::{Facts, Options, SniffPlan};
use crate::types::Protocol::{Tcp, Tls};

fn plan(services: &[Spec], to: &str, by: u32, learned: &[&str]) -> SniffPlan {
    let (claim, caller, learned) = (opaque(), caller(by), names(learned));
    let facts = Facts {
        caller: &caller,
        learned: &learned,
        ..facts(dst(to), &claim)
    };
    policy(services, LEARNING).sniff_plan(&facts)
}

#[test]
fn only_a_port_whose_services_want_a_name_is_waited_for() {
    let services = [
        service("db").address("192.0.2.0/24").port(5432, Tcp),
        service("mail").address("192.0.2.0/24").port(25, Tls),
        service("web")
            .host("a.example")
            .port(443, Tls)
            .port(8000, Tcp)
            .endpoint("192.0.2.1"),
    ];
    let policy = policy(&services, Options::default());
    for (port, plan) in [
        (5432, SniffPlan::Skip),
        (8000, SniffPlan::Skip),
        (443, SniffPlan::Named),
        (25, SniffPlan::Named),
        (22, SniffPlan::Skip),
        (3306, SniffPlan::Skip),
        (9999, SniffPlan::Unregistered),
    ] {
        let to = dst(&format!("192.0.2.1:{port}"));
        assert_eq!(policy.sniff_plan(&facts(to, &opaque())), plan, "{port}");
    }
}

#[test]
fn where_a_port_carries_both_kinds_either_side_may_begin() {
    let services = [
        service("web").host("a.example").port(993, Tls),
        service("mail").address("192.0.2.0/24").port(993, Tcp),
    ];
    assert_eq!(plan(&services, "192.0.2.1:993", 1, &[]), SniffPlan::Either);
    assert_eq!(
        plan(&services, "198.51.100.1:993", 1, &[]),
        SniffPlan::Named
    );
}

#[test]
fn a_learned_name_decides_it_at_once() {
    let services = [
        service("web")
            .host("a.example")
            .port(5432, Tls)
            .from(uid(2)),
        service("db").host("db.example").port(5432, Tcp),
    ];
    assert_eq!(
        plan(&services, "192.0.2.1:5432", 1, &["db.example"]),
        SniffPlan::Skip
    );
    assert_eq!(
        plan(&services, "192.0.2.1:5432", 2, &["db.example"]),
        SniffPlan::Either
    );
    assert_eq!(plan(&services, "192.0.2.1:5432", 2, &[]), SniffPlan::Named);
}

#[test]
fn services_for_other_callers_and_destinations_are_not_waited_for() {
    let services = [
        service("web")
            .host("a.example")
            .address("198.51.100.0/24")
            .port(993, Tls),
        service("other")
            .host("b.example")
            .port(993, Tls)
            .from(uid(2)),
        service("mail").address("192.0.2.0/24").port(993, Tcp),
    ];
    assert_eq!(plan(&services, "192.0.2.1:993", 1, &[]), SniffPlan::Skip);
    assert_eq!(plan(&services, "192.0.2.1:993", 2, &[]), SniffPlan::Either);
}

#[test]
fn where_only_others_may_send_names_they_are_read_to_say_so() {
    let services = [
        service("others")
            .host("a.example")
            .port(443, Tls)
            .from(uid(2)),
        service("elsewhere")
            .host("b.example")
            .address("198.51.100.0/24")
            .port(443, Tls),
        service("db").address("198.51.100.0/24").port(5432, Tcp),
    ];
    for (to, expected) in [
        ("192.0.2.1:443", SniffPlan::Unregistered),
        ("192.0.2.1:5432", SniffPlan::Skip),
    ] {
        assert_eq!(plan(&services, to, 1, &[]), expected, "{to}");
    }
}

#[test]
fn what_is_denied_is_read_only_to_tell_the_client() {
    let services = [
        service("web").host("a.example").port(443, Tls),
        service("deny")
            .address("192.0.2.0/24")
            .port(443, Tls)
            .deny(),
    ];
    assert_eq!(
        plan(&services, "192.0.2.1:443", 1, &[]),
        SniffPlan::Unregistered
    );
}

#[test]
fn too_many_kinds_of_services_to_ask_are_waited_for() {
    let many = (2..40).map(|by| {
        service(&by.to_string())
            .host("a.example")
            .port(993, Tls)
            .from(uid(by))
    });
    let services: Vec<_> = many.collect();
    assert_eq!(plan(&services, "192.0.2.1:993", 1, &[]), SniffPlan::Named);
}
