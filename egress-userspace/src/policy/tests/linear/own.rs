//! Services that namespaces have of their own, beside any registry.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::build::{LEARNING, Spec, plain as services, routed};
use super::generate::{Connection, connections, registries, routes};
use super::plain::{self, Expected};
use super::{admits, claims, kernel, said};
use crate::policy::{
    Facts, Options, Policy, SniffPlan, Verdict, address_rules, address_rules_below,
};
use crate::types::{
    AddressAction, Ceiling, Claim, DenyReason, Mode, OutboundTrafficPolicy, Pod, Protocol,
    Resolution, Selector, Service, ServiceName, Transport, Trust,
};

const NAMESPACE: &str = "shop";

/// Whether the kernel refuses what no rule is for.
fn refuses(options: Options) -> bool {
    options.mode == Mode::Enforce && options.outbound == OutboundTrafficPolicy::RegistryOnly
}

/// What the configuration makes of what a namespace writes.
fn own() -> impl Strategy<Value = Vec<Service>> {
    let scoped = |spec: &Spec| {
        let mut service = spec.get().clone();
        service.ports.retain(|port| port.protocol != Protocol::Udp);
        let name = format!("{NAMESPACE}/{}", service.name);
        Service {
            name: ServiceName::new(&name),
            deny: false,
            from: vec![Selector {
                namespace: Some(NAMESPACE.into()),
                ..Selector::default()
            }],
            trust: Trust::Redial,
            resolution: match service.resolution {
                Resolution::Static => Resolution::None,
                other => other,
            },
            endpoints: Vec::new(),
            traffic: Arc::default(),
            ..service
        }
    };
    registries().prop_map(move |specs| {
        let own = specs.iter().map(scoped);
        own.filter(|service| !service.ports.is_empty()).collect()
    })
}

/// The least ceilings that these are within.
fn ceilings(own: &[Service]) -> Vec<Ceiling> {
    let ceiling = |service: &Service| Ceiling {
        namespaces: vec![NAMESPACE.parse().expect("a pattern")],
        hosts: service.hosts.clone(),
        addresses: service.addresses.clone(),
        ports: service.ports.clone(),
        trust: service.trust,
        ech: service.ech,
        http: service.http,
        on_revoke: service.on_revoke,
        place: service.place.clone(),
    };
    own.iter().map(ceiling).collect()
}

/// The same connection by a pod of a namespace.
fn by(mut connection: Connection, namespace: &str) -> Connection {
    connection.caller.pod = Some(Arc::new(Pod {
        namespace: namespace.into(),
        ..Pod::default()
    }));
    connection
}

fn options(allow_any: bool, learns_names: bool) -> Options {
    let outbound = if allow_any {
        OutboundTrafficPolicy::AllowAny
    } else {
        OutboundTrafficPolicy::RegistryOnly
    };
    Options {
        outbound,
        learns_names,
        ..LEARNING
    }
}

fn with_own(policy: Policy, own: &[Service]) -> Policy {
    policy.with_own([(NAMESPACE, own)].into_iter())
}

proptest! {
    #[test]
    fn it_admits_only_what_would_be_denied_for_want_of_a_service(
        specs in registries(),
        routes in routes(),
        own in own(),
        connection in connections(),
        allow_any: bool,
        learns_names: bool,
    ) {
        let options = options(allow_any, learns_names);
        let connection = by(connection, NAMESPACE);
        let facts = connection.facts();
        let policy = || routed(&specs, &routes, options);
        let before = policy().decide(&facts);
        let after = with_own(policy(), &own).decide(&facts);
        let lacks = matches!(&before, Verdict::Deny(denial)
            if !matches!(denial.reason, DenyReason::ServiceDenied | DenyReason::EchDenied));
        let mut expected = plain::decide(&own, &[], &facts, learns_names);
        // Where it leads then is for the cluster's routes to say.
        if let (Expected::Permit { route, target, .. }, Verdict::Permit(permit)) = (&mut expected, &after) {
            *route = permit.route().map(ToOwned::to_owned);
            if route.is_some() {
                target.clone_from(permit.target());
            }
        }
        match (lacks, &expected, &before) {
            (false, ..) => prop_assert_eq!(format!("{:?}", before), format!("{:?}", after)),
            (true, Expected::Permit { .. } | Expected::Deny(Some(DenyReason::EchDenied)), _) => {
                prop_assert_eq!(said(&after), expected);
            }
            _ => prop_assert!(matches!(after, Verdict::Deny(_))),
        }
    }

    #[test]
    fn nobody_else_is_told_anything_by_it(
        specs in registries(),
        own in own(),
        connection in connections(),
        of_another: bool,
        allow_any: bool,
    ) {
        let connection = if of_another { by(connection, "other") } else { connection };
        let facts = connection.facts();
        let policy = || routed(&specs, &[], options(allow_any, true));
        let told = |policy: &Policy| {
            let names = facts.learned.iter().chain(facts.claim.name());
            let resolved: Vec<_> = names.map(|name| policy.resolves(name, facts.caller)).collect();
            format!("{:?} {:?} {resolved:?}", policy.decide(&facts), policy.sniff_plan(&facts))
        };
        prop_assert_eq!(told(&policy()), told(&with_own(policy(), &own)));
    }

    #[test]
    fn where_no_name_is_waited_for_none_would_change_who_admits(
        specs in registries(),
        own in own(),
        connection in connections(),
    ) {
        let connection = by(connection, NAMESPACE);
        let policy = with_own(routed(&specs, &[], LEARNING), &own);
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
    fn the_kernel_leaves_to_the_gateway_what_it_may_admit(
        specs in registries(),
        own in own(),
        connection in connections(),
        allow_any: bool,
        learns_names: bool,
    ) {
        let options = options(allow_any, learns_names);
        let plain = services(&specs);
        let rules = address_rules_below(&ceilings(&own), &plain, &[], options);
        let before = address_rules(&plain, &[], options);
        for transport in [Transport::Tcp, Transport::Udp] {
            let [now, before] = [&rules, &before].map(|rules| {
                let action = kernel(rules, transport, connection.dst);
                let rest = match transport {
                    Transport::Tcp => AddressAction::Gateway,
                    Transport::Udp if refuses(options) => AddressAction::Deny,
                    Transport::Udp => AddressAction::Allow,
                };
                action.unwrap_or(rest)
            });
            let is_judged = transport == Transport::Tcp && now == AddressAction::Gateway;
            prop_assert!(now == before || is_judged, "{now:?} {before:?}");
        }
        let connection = by(connection, NAMESPACE);
        let policy = with_own(routed(&specs, &[], options), &own);
        if kernel(&rules, Transport::Tcp, connection.dst) != Some(AddressAction::Gateway) {
            for claim in claims() {
                let by = admits(&policy, &Facts { claim: &claim, ..connection.facts() });
                let is_own = by.is_some_and(|by| by.starts_with(NAMESPACE));
                prop_assert!(!is_own || kernel(&rules, Transport::Tcp, connection.dst).is_none());
            }
        }
    }
}

#[test]
fn a_service_that_is_not_for_its_namespace_alone_is_left_out() {
    use super::super::build::{dst, facts, service, tls, uid};
    let admitting = || service("shop/a").host("a.example").port(443, Protocol::Tls);
    let of = |namespace: &str| Selector {
        namespace: Some(namespace.into()),
        ..Selector::default()
    };
    let claim = tls("a.example");
    let outcome = |spec: Spec| {
        let policy = with_own(routed(&[], &[], LEARNING), &services(&[spec]));
        let to = facts(dst("192.0.2.1:443"), &claim);
        let connection = Connection {
            dst: to.dst,
            claim: claim.clone(),
            caller: to.caller.clone(),
            learned: Vec::new(),
            draw: 0,
        };
        admits(&policy, &by(connection, NAMESPACE).facts())
    };
    assert_eq!(outcome(admitting().from(of("shop"))), Some("shop/a".into()));
    assert_eq!(outcome(admitting()), None);
    assert_eq!(
        outcome(admitting().from(of("shop")).from(of("other"))),
        None
    );
    assert_eq!(outcome(admitting().from(uid(0))), None);
}

#[test]
fn a_port_of_its_own_is_a_port_that_is_known() {
    use super::super::build::{dst, facts, outcome, service, tls};
    let own = service("shop/a")
        .host("a.example")
        .port(8443, Protocol::Tls);
    let own = own.from(Selector {
        namespace: Some(NAMESPACE.into()),
        ..Selector::default()
    });
    let policy = with_own(routed(&[], &[], LEARNING), &services(&[own]));
    let claim = tls("b.example");
    let mut to = facts(dst("192.0.2.1:8443"), &claim);
    assert_eq!(
        outcome(&policy, "192.0.2.1:8443", &claim),
        "port_not_in_registry"
    );
    let caller = by(
        Connection {
            dst: to.dst,
            claim: claim.clone(),
            caller: to.caller.clone(),
            learned: Vec::new(),
            draw: 0,
        },
        NAMESPACE,
    )
    .caller;
    to.caller = &caller;
    let Verdict::Deny(denial) = policy.decide(&to) else {
        panic!("no service has it");
    };
    assert_eq!(denial.reason, DenyReason::HostNotInRegistry);
}
