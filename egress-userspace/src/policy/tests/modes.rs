//! What the label of a caller's namespace changes.

use std::sync::Arc;

use super::build::{Spec, caller, dst, facts, policy, service, tls};
use crate::policy::{Facts, Options, Permit, SniffPlan, Target, Verdict};
use crate::types::Protocol::{Http, Tls};
use crate::types::{Caller, Claim, DenyReason, Mode, Pod, PodMode};

const TO: &str = "198.51.100.1:443";
const BOTH: [Mode; 2] = [Mode::Enforce, Mode::Audit];

fn registry() -> [Spec; 2] {
    [
        service("web").host("a.example").port(443, Tls),
        service("plain").host("a.example").port(80, Http),
    ]
}

fn in_namespace(mode: Option<PodMode>) -> Caller {
    let pod = Pod {
        mode,
        ..Pod::default()
    };
    Caller {
        pod: Some(Arc::new(pod)),
        ..caller(1)
    }
}

fn decide(policy: Mode, namespace: Option<PodMode>, claim: &Claim) -> Verdict {
    let options = Options {
        mode: policy,
        ..Options::default()
    };
    let caller = in_namespace(namespace);
    let facts = Facts {
        caller: &caller,
        ..facts(dst(TO), claim)
    };
    self::policy(&registry(), options).decide(&facts)
}

fn permit(policy: Mode, namespace: Option<PodMode>, name: &str) -> Permit {
    match decide(policy, namespace, &tls(name)) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

fn would_deny(permit: &Permit) -> Option<DenyReason> {
    permit.would_deny().map(|denial| denial.reason)
}

#[test]
fn where_the_namespace_says_nothing_the_policy_does() {
    let denied = decide(Mode::Enforce, None, &tls("x.example"));
    assert!(matches!(denied, Verdict::Deny(_)));
    let permit = permit(Mode::Audit, None, "x.example");
    assert_eq!(would_deny(&permit), Some(DenyReason::HostNotInRegistry));
}

#[test]
fn enforcement_and_audit_hold_whatever_the_policy_says() {
    for mode in BOTH {
        let enforced = decide(mode, Some(PodMode::Enforce), &tls("x.example"));
        assert!(matches!(enforced, Verdict::Deny(_)), "{mode:?}");
        let audited = permit(mode, Some(PodMode::Audit), "x.example");
        let denial = Some(DenyReason::HostNotInRegistry);
        assert_eq!(would_deny(&audited), denial, "{mode:?}");
    }
}

#[test]
fn what_is_taken_back_later_is_so_as_the_namespace_says() {
    for mode in BOTH {
        let refuse = |namespace| {
            let permit = permit(mode, Some(namespace), "a.example");
            permit.refuse(DenyReason::ResolvedAddressRefused, dst(TO))
        };
        assert!(matches!(refuse(PodMode::Enforce), Verdict::Deny(_)));
        let Verdict::Permit(passed) = refuse(PodMode::Audit) else {
            panic!("audit denies nothing");
        };
        assert_eq!(
            would_deny(&passed),
            Some(DenyReason::ResolvedAddressRefused)
        );
    }
}

#[test]
fn what_is_not_governed_goes_where_it_was_going_and_nothing_is_said_of_it() {
    for (mode, name) in BOTH.into_iter().zip(["x.example", "a.example"]) {
        let permit = permit(mode, Some(PodMode::Off), name);
        let straight = Target::Address(dst(TO).socket_addr());
        assert_eq!(permit.target(), &straight, "{name}");
        assert_eq!((permit.service(), permit.would_deny()), (None, None));
        assert!(!permit.judges_requests());
        let refused = permit.refuse(DenyReason::ResolvedAddressRefused, dst(TO));
        let Verdict::Permit(passed) = refused else {
            panic!("it is not governed");
        };
        assert_eq!(would_deny(&passed), None);
    }
}

#[test]
fn what_is_not_governed_is_not_read() {
    let caller = in_namespace(Some(PodMode::Off));
    for port in ["443", "80", "9999"] {
        let to = dst(&format!("198.51.100.1:{port}"));
        let facts = Facts {
            caller: &caller,
            ..facts(to, &Claim::Opaque)
        };
        let plan = policy(&registry(), Options::default()).sniff_plan(&facts);
        assert_eq!(plan, SniffPlan::Skip, "{port}");
    }
}

#[test]
fn names_are_resolved_as_the_namespace_says() {
    let name = "x.example".parse().expect("a name");
    for mode in BOTH {
        let options = Options {
            mode,
            ..Options::default()
        };
        let policy = policy(&registry(), options);
        let resolves = |mode| policy.resolves(&name, &in_namespace(Some(mode)));
        assert!(resolves(PodMode::Enforce).is_err());
        let would_deny = |mode| {
            let may = resolves(mode).expect("it may");
            may.would_deny().map(|denial| denial.reason)
        };
        let denial = Some(DenyReason::HostNotInRegistry);
        assert_eq!(would_deny(PodMode::Audit), denial);
        assert_eq!(would_deny(PodMode::Off), None);
    }
}
