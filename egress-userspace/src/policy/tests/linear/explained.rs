//! Explanations say what the policy decides, and what they propose would be admitted.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::build::{LEARNING, Spec, plain as services, routed};
use super::generate::{Connection, connections, registries, routes};
use crate::config::Config;
use crate::policy::{Facts, Options, Policy, Question, Said, Speech, Surroundings, Verdict, Who};
use crate::types::{
    Claim, DenyReason, Generation, Mode, OutboundTrafficPolicy, Route, Service, ServiceName,
};

fn options() -> impl Strategy<Value = Options> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(audit, any, learns_names)| Options {
        mode: if audit { Mode::Audit } else { Mode::Enforce },
        outbound: if any {
            OutboundTrafficPolicy::AllowAny
        } else {
            OutboundTrafficPolicy::RegistryOnly
        },
        learns_names,
    })
}

/// The verdict, with its reason and service.
type Judged = (Said, Option<DenyReason>, Option<ServiceName>);

fn decided(policy: &Policy, facts: &Facts<'_>) -> Judged {
    match policy.decide(facts) {
        Verdict::Deny(denial) => (Said::Deny, Some(denial.reason), denial.service),
        Verdict::Permit(permit) => match permit.would_deny() {
            Some(denial) => (Said::Deny, Some(denial.reason), denial.service.clone()),
            None => (Said::Allow, None, permit.service().cloned()),
        },
    }
}

/// A question about a connection, as far as one can ask.
fn question(connection: &Connection, ip: bool, caller: bool) -> Question {
    let speech = match connection.claim {
        Claim::Tls(_) => Speech::Tls,
        Claim::Http1 { .. } => Speech::Http,
        Claim::Http2 { .. } => Speech::Http2,
        Claim::Opaque | Claim::Malformed(_) => Speech::Tcp,
    };
    let learned = || connection.learned.first();
    let host = connection.claim.name().or_else(learned);
    let ech = matches!(&connection.claim, Claim::Tls(tls) if tls.ech);
    let who = Who {
        uid: Some(connection.caller.uid),
        cgroup: connection.caller.cgroup_path.as_deref().map(Into::into),
        ..Who::default()
    };
    Question {
        host: host.map(ToString::to_string),
        port: connection.dst.port(),
        protocol: Some(speech),
        ip: (ip || host.is_none()).then(|| connection.dst.ip()),
        looked_up: !connection.learned.is_empty(),
        ech,
        caller: if caller { who } else { Who::default() },
    }
}

fn outcome(policy: &Policy, question: &Question) -> (Said, Option<String>, Option<String>) {
    let explanation = policy.explain(question, &Surroundings::default());
    let explanation = explanation.expect("a question");
    (explanation.verdict, explanation.reason, explanation.service)
}

/// Whether this is said.
fn notes(policy: &Policy, question: &Question, what: &str) -> bool {
    let explanation = policy.explain(question, &Surroundings::default());
    let notes = explanation.expect("a question").notes;
    notes.iter().any(|note| note.starts_with(what))
}

/// The policy of a registry with one service more, which a configuration has.
fn with(specs: &[Spec], routes: &[Route], toml: &str, options: Options) -> Policy {
    let text = format!("[[scope]]\ncgroups = [\"/a\"]\n\n{toml}");
    let mut config = Config::from_toml("proposed", &text).unwrap_or_else(|e| panic!("{toml}{e}"));
    let mut all: Vec<Service> = services(specs);
    all.append(&mut config.services);
    Policy::compile(&all, routes, options, Generation(1))
}

proptest! {
    #[test]
    fn an_explanation_says_what_the_policy_decides(
        specs in registries(),
        routes in routes(),
        connection in connections(),
        options in options(),
    ) {
        let policy = routed(&specs, &routes, options);
        let facts = connection.facts();
        let ruled = policy.ruled(&facts);
        let said = (ruled.verdict, ruled.reason, ruled.service);
        prop_assert_eq!(said, decided(&policy, &facts));
    }

    #[test]
    fn the_service_that_a_denial_names_is_the_nearest(
        specs in registries(),
        connection in connections(),
        options in options(),
    ) {
        let options = Options { outbound: OutboundTrafficPolicy::RegistryOnly, ..options };
        let policy = routed(&specs, &[], options);
        let question = question(&connection, true, true);
        let explanation = policy.explain(&question, &Surroundings::default()).expect("a question");
        let named = explanation.service.filter(|_| explanation.verdict == Said::Deny);
        let named = named.filter(|_| explanation.reason.as_deref() != Some("service_denied"));
        if let Some(named) = named {
            let nearest = explanation.nearest.first().map(|miss| miss.service.clone());
            prop_assert_eq!(nearest, Some(named), "{:?} {:?}", explanation.reason, explanation.nearest);
        }
    }

    #[test]
    fn what_is_proposed_is_right_and_would_be_admitted(
        specs in registries(),
        connection in connections(),
        options in options(),
        ip: bool,
    ) {
        let policy = routed(&specs, &[], options);
        let question = question(&connection, ip, true);
        let explanation = policy.explain(&question, &Surroundings::default()).expect("a question");
        if let Some(toml) = explanation.to_allow {
            let policy = with(&specs, &[], &toml, options);
            let outcome = outcome(&policy, &question);
            prop_assert_eq!(outcome.0, Said::Allow, "{} {:?}", toml, outcome);
        }
    }
}

/// How many claims there have to be at least in 256 worlds: without any, nothing would be tried. There are about 210.
const CLAIMED: usize = 50;

/// Tries what is claimed of many worlds, of some more than once, of others nothing: it says how often.
fn claimed<S: Strategy>(worlds: &S, claim: impl Fn(S::Value) -> Result<usize, TestCaseError>) {
    let claimed = Cell::new(0);
    let tried = TestRunner::default().run(worlds, |world| {
        claimed.set(claimed.get() + claim(world)?);
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
    let claimed = claimed.get();
    assert!(claimed >= CLAIMED, "only {claimed} times");
}

#[test]
fn where_nothing_is_said_of_the_address_none_changes_the_verdict() {
    let other = any::<[u8; 4]>();
    let worlds = (registries(), routes(), connections(), options(), other);
    claimed(&worlds, |(specs, routes, connection, options, other)| {
        let policy = routed(&specs, &routes, options);
        let question = question(&connection, false, true);
        let mut claims = 0;
        if question.ip.is_none() && !notes(&policy, &question, "no address was given") {
            let expected = outcome(&policy, &question);
            for ip in [IpAddr::from(other), connection.dst.ip()] {
                let asked = Question {
                    ip: Some(ip),
                    ..question.clone()
                };
                let explanation = policy
                    .explain(&asked, &Surroundings::default())
                    .expect("a question");
                if explanation.let_through != Some(crate::policy::LetThrough::Internal) {
                    prop_assert_eq!(&outcome(&policy, &asked), &expected);
                    claims += 1;
                }
            }
        }
        Ok(claims)
    });
}

#[test]
fn where_nothing_is_said_of_the_caller_none_changes_the_verdict() {
    let worlds = (registries(), routes(), connections(), options());
    claimed(&worlds, |(specs, routes, connection, options)| {
        let policy = routed(&specs, &routes, options);
        let unknown = question(&connection, true, false);
        if notes(&policy, &unknown, "nothing was said of the caller") {
            return Ok(0);
        }
        let known = question(&connection, true, true);
        prop_assert_eq!(outcome(&policy, &known), outcome(&policy, &unknown));
        Ok(1)
    });
}

/// The proposals are made, and not only where they are easy.
#[test]
fn something_is_proposed_for_every_reason_that_a_service_could_mend() {
    use proptest::strategy::ValueTree as _;
    let mut runner = TestRunner::deterministic();
    let mut proposed = BTreeMap::<String, usize>::new();
    for _ in 0..2_000 {
        let mut some = |strategy: (BoxedStrategy<Vec<Spec>>, BoxedStrategy<Connection>)| {
            strategy.new_tree(&mut runner).expect("a world").current()
        };
        let (specs, connection) = some((registries().boxed(), connections().boxed()));
        let policy = routed(&specs, &[], LEARNING);
        let question = question(&connection, true, true);
        let explanation = policy
            .explain(&question, &Surroundings::default())
            .expect("a question");
        if explanation.to_allow.is_some() {
            *proposed
                .entry(explanation.reason.expect("denied"))
                .or_default() += 1;
        }
    }
    for reason in [
        "address_mismatch",
        "address_not_in_registry",
        "caller_not_allowed",
        "host_not_in_registry",
        "no_name",
        "port_mismatch",
        "port_not_in_registry",
        "protocol_mismatch",
    ] {
        assert!(proposed.contains_key(reason), "{reason}: {proposed:?}");
    }
}
