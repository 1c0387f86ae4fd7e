//! The compiled policy against a plain one that looks at every service.

mod explained;
mod generate;
mod own;
mod plain;

use proptest::prelude::*;

use super::build::{LEARNING, Spec, plain as services, routed};
use crate::policy::{Facts, Options, Policy, SniffPlan, Verdict, address_rules};
use crate::types::{
    AddressAction, AddressRule, Claim, DenyReason, OriginalDst, OutboundTrafficPolicy,
    TrafficPolicy, Transport,
};
use generate::{Connection, connections, registries, routes};
use plain::Expected;

/// What a verdict says that the plain policy says too.
fn said(verdict: &Verdict) -> Expected {
    match verdict {
        Verdict::Permit(permit) => Expected::Permit {
            service: permit
                .service()
                .map(ToString::to_string)
                .unwrap_or_default(),
            route: permit.route().map(ToOwned::to_owned),
            target: permit.target().clone(),
            required: permit.required().cloned(),
            learned: permit.learned().cloned(),
        },
        Verdict::Deny(denial) => Expected::Deny(match denial.reason {
            DenyReason::ServiceDenied | DenyReason::CallerNotAllowed | DenyReason::EchDenied => {
                Some(denial.reason)
            }
            _ => None,
        }),
    }
}

/// The service that admits.
fn admits(policy: &Policy, facts: &Facts<'_>) -> Option<String> {
    match policy.decide(facts) {
        Verdict::Permit(permit) => permit.service().map(ToString::to_string),
        Verdict::Deny(_) => None,
    }
}

/// What the kernel's table says: of the rules that have the address, mapped into IPv6, the longest.
fn kernel(rules: &[AddressRule], transport: Transport, dst: OriginalDst) -> Option<AddressAction> {
    let mapped = |net: &ipnet::IpNet| match net {
        ipnet::IpNet::V4(net) => {
            ipnet::Ipv6Net::new(net.addr().to_ipv6_mapped(), 96 + net.prefix_len())
                .expect("a prefix")
        }
        ipnet::IpNet::V6(net) => *net,
    };
    let ip = match dst.ip() {
        std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        std::net::IpAddr::V6(ip) => ip,
    };
    let on_port = rules
        .iter()
        .filter(|r| r.transport == transport && r.port == dst.port());
    let covering = on_port.filter(|rule| mapped(&rule.net).contains(&ip));
    covering
        .max_by_key(|rule| mapped(&rule.net).prefix_len())
        .map(|rule| rule.action)
}

fn claims() -> Vec<Claim> {
    let claims = generate::NAMES
        .iter()
        .flat_map(|name| generate::claims_of(name));
    claims.chain([Claim::Opaque]).collect()
}

proptest! {
    #[test]
    fn the_compiled_policy_agrees_with_a_look_at_every_service(
        specs in registries(),
        routes in routes(),
        connection in connections(),
        learns_names: bool,
    ) {
        let options = Options { learns_names, ..LEARNING };
        let policy = routed(&specs, &routes, options);
        let facts = connection.facts();
        let expected = plain::decide(&services(&specs), &routes, &facts, learns_names);
        prop_assert_eq!(said(&policy.decide(&facts)), expected);
    }

    #[test]
    fn a_name_by_which_a_connection_is_admitted_is_resolved(
        specs in registries(),
        connection in connections(),
    ) {
        let policy = routed(&specs, &[], LEARNING);
        let facts = connection.facts();
        let services = services(&specs);
        if let Some(name) = plain::admitting_name(&services, &facts) {
            // Once it is resolved, it is learned; and if it is not sent, no other is.
            let learned = [name.clone()];
            let sent = facts.claim.name() == Some(name);
            let claim = if sent { facts.claim } else { &Claim::Opaque };
            let told = Facts { learned: &learned, claim, ..facts };
            if plain::admitting_name(&services, &told).is_some_and(|by| by == name) {
                prop_assert!(policy.resolves(name, facts.caller).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn where_no_name_is_waited_for_none_would_change_who_admits(
        specs in registries(),
        connection in connections(),
    ) {
        let policy = routed(&specs, &[], LEARNING);
        let silent = Facts { claim: &Claim::Opaque, ..connection.facts() };
        let plan = policy.sniff_plan(&silent);
        let quiet = admits(&policy, &silent);
        prop_assert_eq!(plan == SniffPlan::Either, plan != SniffPlan::Skip && quiet.is_some());
        if plan == SniffPlan::Skip {
            for claim in claims() {
                prop_assert_eq!(&admits(&policy, &Facts { claim: &claim, ..silent }), &quiet);
            }
        }
    }

    #[test]
    fn the_kernel_lets_through_and_refuses_nothing_that_the_policy_does_not(
        specs in registries(),
        routes in routes(),
        connection in connections(),
        allow_any: bool,
        learns_names: bool,
    ) {
        let outbound = if allow_any { OutboundTrafficPolicy::AllowAny } else { OutboundTrafficPolicy::RegistryOnly };
        let options = Options { outbound, learns_names, ..LEARNING };
        let rules = address_rules(&services(&specs), &routes, options);
        let policy = routed(&specs, &routes, options);
        let silent = Facts { claim: &Claim::Opaque, ..connection.facts() };
        match kernel(&rules, Transport::Tcp, connection.dst) {
            Some(AddressAction::Allow) => {
                prop_assert_eq!(policy.sniff_plan(&silent), SniffPlan::Skip);
                let Verdict::Permit(permit) = policy.decide(&silent) else {
                    return Err(TestCaseError::fail("the policy denies it"));
                };
                prop_assert_eq!(permit.target(), &crate::policy::Target::Address(connection.dst.socket_addr()));
                prop_assert_eq!((permit.route(), permit.required()), (None, None));
                prop_assert_eq!(&*permit.terms().traffic, &TrafficPolicy::default());
            }
            Some(AddressAction::Deny) => {
                for claim in claims() {
                    let denied = matches!(policy.decide(&Facts { claim: &claim, ..silent }), Verdict::Deny(_));
                    prop_assert!(denied, "{:?}", claim);
                }
            }
            Some(AddressAction::Gateway) | None => {}
        }
    }

    #[test]
    fn datagrams_go_where_a_service_for_everyone_lists_them_and_none_denies_them(
        specs in registries(),
        connection in connections(),
        allow_any: bool,
    ) {
        let outbound = if allow_any { OutboundTrafficPolicy::AllowAny } else { OutboundTrafficPolicy::RegistryOnly };
        let options = Options { outbound, ..LEARNING };
        let rules = address_rules(&services(&specs), &[], options);
        let passes = match kernel(&rules, Transport::Udp, connection.dst) {
            Some(AddressAction::Allow) => true,
            Some(AddressAction::Deny | AddressAction::Gateway) => false,
            None => allow_any,
        };
        let expected = plain::datagram(&services(&specs), connection.dst, options);
        prop_assert_eq!(passes, expected, "{:?}", rules);
    }
}

impl Connection {
    fn facts(&self) -> Facts<'_> {
        Facts {
            dst: self.dst,
            claim: &self.claim,
            caller: &self.caller,
            learned: &self.learned,
            draw: self.draw,
        }
    }
}

/// Every kind of service is made that the plain policy tells apart.
#[test]
fn registries_are_made_of_all_that_a_service_can_be() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: Vec<Spec> = Vec::new();
    for _ in 0..64 {
        seen.extend(
            registries()
                .new_tree(&mut runner)
                .expect("a registry")
                .current(),
        );
    }
    let any = |is: fn(&crate::types::Service) -> bool| seen.iter().any(|spec| is(spec.get()));
    assert!(any(|s| s.deny
        && s.from.is_empty()
        && s.hosts.is_empty()
        && !s.addresses.is_empty()));
    assert!(any(|s| s.deny && !s.from.is_empty()));
    assert!(any(|s| !s.deny
        && !s.from.is_empty()
        && !s.hosts.is_empty()));
}
