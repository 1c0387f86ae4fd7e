//! Which rules the kernel gets for which registry.

use super::build::{Spec, service, uid};
use crate::policy::{Options, address_rules};
use crate::types::{Mode, OutboundTrafficPolicy, Protocol};

fn rules(services: &[Spec], options: Options) -> Vec<String> {
    let services: Vec<_> = services.iter().map(|spec| spec.get().clone()).collect();
    let rules = address_rules(&services, &[], options);
    let show = |rule: &crate::types::AddressRule| {
        format!(
            "{:?} {} {} {:?}",
            rule.transport, rule.port, rule.net, rule.action
        )
    };
    let mut shown: Vec<_> = rules.iter().map(show).collect();
    shown.sort();
    shown
}

fn audit() -> Options {
    Options {
        mode: Mode::Audit,
        ..Options::default()
    }
}

#[test]
fn a_port_of_tcp_alone_is_decided_by_address() {
    let database = service("db")
        .address("192.0.2.0/24")
        .port(5432, Protocol::Tcp);
    let expected = [
        "Tcp 5432 0.0.0.0/0 Deny",
        "Tcp 5432 192.0.2.0/24 Allow",
        "Tcp 5432 ::/0 Deny",
    ];
    assert_eq!(rules(&[database], Options::default()), expected);
}

#[test]
fn what_a_name_may_decide_is_left_to_the_gateway() {
    let plain = service("plain")
        .address("192.0.2.0/24")
        .port(443, Protocol::Tcp);
    let named = service("named").host("a.example").port(443, Protocol::Tls);
    assert_eq!(rules(&[plain, named], Options::default()), [""; 0]);
}

#[test]
fn what_leads_elsewhere_is_left_to_the_gateway() {
    let elsewhere = service("moved")
        .address("192.0.2.1/32")
        .port(5432, Protocol::Tcp)
        .endpoint("198.51.100.1");
    let expected = [
        "Tcp 5432 0.0.0.0/0 Deny",
        "Tcp 5432 192.0.2.1/32 Gateway",
        "Tcp 5432 ::/0 Deny",
    ];
    assert_eq!(rules(&[elsewhere], Options::default()), expected);
    let anywhere = service("moved")
        .port(5432, Protocol::Tcp)
        .endpoint("198.51.100.1");
    assert_eq!(rules(&[anywhere], Options::default()), [""; 0]);
}

#[test]
fn datagrams_are_decided_by_address_beside_names_on_the_same_port() {
    let quic = service("quic")
        .address("192.0.2.1/32")
        .port(443, Protocol::Udp);
    let named = service("named").host("a.example").port(443, Protocol::Tls);
    assert_eq!(
        rules(&[quic, named], Options::default()),
        ["Udp 443 192.0.2.1/32 Allow"]
    );
}

#[test]
fn nothing_is_refused_that_no_service_denies_where_any_connection_is_allowed() {
    let database = service("db")
        .address("192.0.2.0/24")
        .port(5432, Protocol::Tcp);
    let any = Options {
        outbound: OutboundTrafficPolicy::AllowAny,
        ..Options::default()
    };
    assert_eq!(rules(&[database], any), ["Tcp 5432 192.0.2.0/24 Allow"]);
}

#[test]
fn whether_denials_take_effect_changes_no_rule_for_it_may_differ_from_pod_to_pod() {
    let database = service("db")
        .address("192.0.2.0/24")
        .port(5432, Protocol::Tcp);
    let quic = service("quic")
        .address("192.0.2.0/24")
        .port(443, Protocol::Udp);
    let denied = service("denied")
        .address("192.0.2.7/32")
        .port(443, Protocol::Udp)
        .deny();
    let services = [database, quic, denied];
    let expected = rules(&services, Options::default());
    assert!(expected.contains(&"Udp 443 192.0.2.7/32 Deny".to_owned()));
    assert_eq!(rules(&services, audit()), expected);
}

/// All databases but some.
fn but(denied: Spec) -> [Spec; 2] {
    let wide = service("wide")
        .address("192.0.2.0/24")
        .port(5432, Protocol::Tcp);
    [wide, denied.port(5432, Protocol::Tcp).deny()]
}

#[test]
fn what_is_denied_inside_what_is_allowed_does_not_go_straight() {
    let rest = |denied: &str| {
        [
            "Tcp 5432 0.0.0.0/0 Deny".to_owned(),
            "Tcp 5432 192.0.2.0/24 Allow".to_owned(),
            denied.to_owned(),
            "Tcp 5432 ::/0 Deny".to_owned(),
        ]
    };
    let inside = service("denied").address("192.0.2.128/25");
    let asked = "Tcp 5432 192.0.2.128/25 Gateway";
    for (denied, rule) in [
        (inside.clone(), "Tcp 5432 192.0.2.128/25 Deny"),
        (inside.clone().from(uid(1)), asked),
        (inside.host("a.example"), asked),
    ] {
        assert_eq!(rules(&but(denied), Options::default()), rest(rule));
    }
}

#[test]
fn what_is_allowed_inside_what_is_denied_does_not_go_straight() {
    let around = service("denied").address("192.0.0.0/16");
    for (denied, options) in [
        (around.clone(), Options::default()),
        (around.clone().from(uid(1)), Options::default()),
        (around, audit()),
    ] {
        let said = rules(&but(denied), options);
        let straight = said.iter().find(|rule| rule.ends_with("Allow"));
        assert_eq!(straight, None, "{said:?}");
    }
}
