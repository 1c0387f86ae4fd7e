//! What a client is told, and what becomes of it in audit mode and under `ALLOW_ANY`.

use super::build::{Spec, dst, facts, http, opaque, policy, service, tls};
use super::outcome;
use crate::policy::{Denial, Options, Permit, Target, Verdict};
use crate::types::Protocol::{Http, Tcp, Tls};
use crate::types::{
    Claim, DenyReason, Mode, OutboundTrafficPolicy, Place, Resolution, ServiceName,
};

const AUDIT: Options = Options {
    mode: Mode::Audit,
    outbound: OutboundTrafficPolicy::RegistryOnly,
    learns_names: false,
};
const ALLOW_ANY: Options = Options {
    mode: Mode::Enforce,
    outbound: OutboundTrafficPolicy::AllowAny,
    learns_names: false,
};

fn registry() -> [Spec; 3] {
    [
        service("web")
            .host("a.example")
            .port(443, Tls)
            .port(80, Http),
        service("near")
            .host("b.example")
            .address("192.0.2.0/24")
            .port(443, Tls),
        service("db").address("192.0.2.0/24").port(5432, Tcp),
    ]
}

fn permit(options: Options, to: &str, claim: &Claim) -> Permit {
    match policy(&registry(), options).decide(&facts(dst(to), claim)) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

#[test]
fn each_shortcoming_has_its_own_reason() {
    let malformed = Claim::Malformed(DenyReason::MalformedTls);
    for (to, claim, reason) in [
        (
            "198.51.100.1:9999",
            tls("x.example"),
            "port_not_in_registry",
        ),
        (
            "198.51.100.1:9999",
            malformed.clone(),
            "port_not_in_registry",
        ),
        ("198.51.100.1:9999", tls("a.example"), "port_mismatch"),
        ("198.51.100.1:443", tls("x.example"), "host_not_in_registry"),
        ("198.51.100.1:443", tls(""), "no_name"),
        ("198.51.100.1:443", opaque(), "no_name"),
        ("198.51.100.1:443", malformed.clone(), "malformed_tls"),
        ("198.51.100.1:443", http("a.example"), "protocol_mismatch"),
        ("198.51.100.1:443", tls("b.example"), "address_mismatch"),
        ("198.51.100.1:80", http("b.example"), "port_mismatch"),
        ("198.51.100.1:5432", opaque(), "address_not_in_registry"),
    ] {
        assert_eq!(outcome(&registry(), to, &claim), reason, "{to} {claim:?}");
    }
}

#[test]
fn a_malformed_message_is_told_so_even_towards_an_address_that_is_listed() {
    let services = [service("a").address("192.0.2.0/24").port(443, Tls)];
    let malformed = Claim::Malformed(DenyReason::MalformedTls);
    assert_eq!(
        outcome(&services, "192.0.2.1:443", &malformed),
        "malformed_tls"
    );
}

#[test]
fn tcp_by_address_admits_even_what_is_malformed() {
    let malformed = Claim::Malformed(DenyReason::MalformedTls);
    assert_eq!(outcome(&registry(), "192.0.2.1:5432", &malformed), "db");
}

#[test]
fn a_denial_names_the_service_that_came_nearest() {
    let claim = tls("b.example");
    let facts = facts(dst("198.51.100.1:443"), &claim);
    let Verdict::Deny(denial) = policy(&registry(), Options::default()).decide(&facts) else {
        panic!("it was permitted");
    };
    assert_eq!(denial.service, Some(ServiceName::new("near")));
}

#[test]
fn audit_lets_through_to_the_clients_destination_and_says_what_it_would_have_denied() {
    let permit = permit(AUDIT, "198.51.100.1:443", &tls("x.example"));
    assert_eq!(
        permit.target(),
        &Target::Address(dst("198.51.100.1:443").socket_addr())
    );
    assert_eq!(permit.service(), None);
    let denial = Denial {
        reason: DenyReason::HostNotInRegistry,
        service: None,
        rule: None,
    };
    assert_eq!(permit.would_deny(), Some(&denial));
}

#[test]
fn audit_changes_nothing_for_what_is_admitted() {
    let permit = permit(AUDIT, "198.51.100.1:443", &tls("a.example"));
    assert_eq!(permit.service(), Some(&ServiceName::new("web")));
    assert_eq!(permit.would_deny(), None);
}

#[test]
fn allow_any_lets_through_what_no_service_admits_and_would_not_have_denied_it() {
    let malformed = Claim::Malformed(DenyReason::MalformedTls);
    for claim in [
        tls("x.example"),
        tls("b.example"),
        http("a.example"),
        opaque(),
        malformed,
    ] {
        let permit = permit(ALLOW_ANY, "198.51.100.1:443", &claim);
        assert_eq!(
            permit.target(),
            &Target::Address(dst("198.51.100.1:443").socket_addr())
        );
        assert_eq!(
            (permit.service(), permit.would_deny()),
            (None, None),
            "{claim:?}"
        );
    }
    let registered = permit(ALLOW_ANY, "198.51.100.1:443", &tls("a.example"));
    assert_eq!(registered.service(), Some(&ServiceName::new("web")));
}

#[test]
fn a_permit_that_dialling_refuses_is_a_denial_or_in_audit_mode_a_pass() {
    let dns = [service("dns")
        .host("a.example")
        .resolution(Resolution::Dns)
        .port(443, Tls)];
    let to = dst("198.51.100.1:443");
    let refuse = |options| {
        let claim = tls("a.example");
        let facts = facts(to, &claim);
        let Verdict::Permit(permit) = policy(&dns, options).decide(&facts) else {
            panic!("it was denied");
        };
        permit.refuse(DenyReason::ResolvedAddressRefused, to)
    };
    let denial = Denial {
        reason: DenyReason::ResolvedAddressRefused,
        service: Some(ServiceName::new("dns")),
        rule: Some(Place::default()),
    };
    let Verdict::Deny(denied) = refuse(Options::default()) else {
        panic!("it was permitted")
    };
    assert_eq!(denied, denial);
    let Verdict::Deny(denied) = refuse(ALLOW_ANY) else {
        panic!("it was permitted")
    };
    assert_eq!(denied, denial);
    let Verdict::Permit(passed) = refuse(AUDIT) else {
        panic!("it was denied")
    };
    assert_eq!(passed.target(), &Target::Address(to.socket_addr()));
    assert_eq!(passed.would_deny(), Some(&denial));
}

#[test]
fn under_allow_any_later_requests_are_judged_where_one_may_be_denied_by_name() {
    let banned = service("banned").host("b.example").port(80, Http).deny();
    let policy = policy(&[banned], ALLOW_ANY);
    for (to, claim, judges) in [
        ("198.51.100.1:80", http("a.example"), true),
        ("198.51.100.1:80", opaque(), false),
        ("198.51.100.1:81", http("a.example"), false),
    ] {
        match policy.decide(&facts(dst(to), &claim)) {
            Verdict::Permit(permit) => assert_eq!(permit.judges_requests(), judges, "{to}"),
            Verdict::Deny(denial) => panic!("denied: {denial:?}"),
        }
    }
}
