//! Who may use a service, and whom a denial means.

use super::build::{Spec, caller, cgroup, dst, facts, label, policy, service, tls, uid};
use crate::policy::{Facts, Options};
use crate::types::{Caller, OutboundTrafficPolicy, Protocol::Tls, Selector};

fn outcome(services: &[Spec], caller: &Caller) -> String {
    of(services, caller, Options::default())
}

fn of(services: &[Spec], caller: &Caller, options: Options) -> String {
    let claim = tls("a.example");
    let facts = Facts {
        caller,
        ..facts(dst("192.0.2.1:443"), &claim)
    };
    label(&policy(services, options).decide(&facts))
}

fn web(name: &str) -> Spec {
    service(name).host("a.example").port(443, Tls)
}

/// A caller in a cgroup, too.
fn within(path: &str) -> Caller {
    Caller {
        cgroup_path: Some(path.into()),
        ..caller(1)
    }
}

#[test]
fn a_service_with_from_is_for_those_callers_alone() {
    let services = [web("a").from(uid(1))];
    assert_eq!(outcome(&services, &caller(1)), "a");
    assert_eq!(outcome(&services, &caller(2)), "caller_not_allowed");
}

#[test]
fn one_of_several_selectors_is_enough() {
    let services = [web("a").from(uid(1)).from(uid(2))];
    assert_eq!(outcome(&services, &caller(2)), "a");
}

#[test]
fn the_most_specific_selector_decides_before_the_name_does() {
    let services = [
        web("everyone"),
        service("uid").host("*.example").port(443, Tls).from(uid(1)),
        web("both").from(Selector {
            uid: Some(1),
            ..cgroup("/a")
        }),
    ];
    assert_eq!(outcome(&services, &caller(2)), "everyone");
    assert_eq!(outcome(&services, &caller(1)), "uid");
    assert_eq!(outcome(&services, &within("/a/b")), "both");
}

#[test]
fn a_caller_of_whom_too_little_is_known_gets_what_everyone_gets() {
    let only = [web("a").from(cgroup("/a"))];
    assert_eq!(outcome(&only, &caller(1)), "caller_not_allowed");
    let beside = [web("a").from(cgroup("/a")), web("everyone")];
    assert_eq!(outcome(&beside, &caller(1)), "everyone");
}

#[test]
fn deny_beats_allow_however_close_that_is() {
    let services = [
        web("allow").from(uid(1)).address("192.0.2.1/32"),
        service("deny").host("*.example").port(443, Tls).deny(),
    ];
    assert_eq!(outcome(&services, &caller(1)), "service_denied");
}

#[test]
fn a_denial_with_from_means_those_callers_and_those_of_whom_too_little_is_known() {
    let services = |from| [web("allow"), web("deny").deny().from(from)];
    assert_eq!(outcome(&services(uid(1)), &caller(1)), "service_denied");
    assert_eq!(outcome(&services(uid(1)), &caller(2)), "allow");
    let path = services(cgroup("/a"));
    assert_eq!(outcome(&path, &caller(1)), "service_denied");
    assert_eq!(outcome(&path, &within("/b")), "allow");
}

#[test]
fn a_denial_alone_does_not_make_a_caller_not_allowed() {
    let services = [web("deny").deny().from(uid(1))];
    assert_eq!(outcome(&services, &caller(2)), "host_not_in_registry");
}

#[test]
fn nobody_gets_past_a_denial_by_another_protocol() {
    let services = [
        service("any")
            .address("192.0.2.0/24")
            .port(443, crate::types::Protocol::Tcp),
        service("deny")
            .address("192.0.2.1/32")
            .port(443, crate::types::Protocol::Http)
            .deny(),
    ];
    assert_eq!(outcome(&services, &caller(1)), "service_denied");
}

#[test]
fn allow_any_lets_through_what_is_not_registered_and_not_what_is_forbidden() {
    let any = Options {
        outbound: OutboundTrafficPolicy::AllowAny,
        ..Options::default()
    };
    assert_eq!(of(&[], &caller(1), any), "-");
    assert_eq!(of(&[web("a").deny()], &caller(1), any), "service_denied");
    let barred = [web("a").from(uid(2))];
    assert_eq!(of(&barred, &caller(1), any), "caller_not_allowed");
}
