//! What is told beside the verdict.

use serde_json::{Value, json};

use super::{LEARNING, REGISTRY, ask, config, policy, question};
use crate::policy::{Options, Surroundings};
use crate::types::{Mode, OutboundTrafficPolicy};

#[test]
fn what_is_not_judged_is_let_through_and_told_so() {
    let policy = policy(&config(REGISTRY), LEARNING);
    let around = Surroundings {
        internal: vec!["10.0.0.0/8".parse().expect("a network")],
        governed: vec!["/apps.slice".into()],
    };
    for (asked, why) in [
        (json!({ "ip": "10.1.1.1", "port": 1 }), Some("internal")),
        (
            json!({ "ip": "::ffff:10.1.1.1", "port": 1 }),
            Some("internal"),
        ),
        (json!({ "ip": "127.0.0.1", "port": 1 }), Some("internal")),
        (json!({ "ip": "::", "port": 1 }), Some("internal")),
        (json!({ "ip": "11.1.1.1", "port": 1 }), None),
        (
            json!({ "ip": "11.1.1.1", "port": 1, "caller": { "cgroup": "/apps.slices" } }),
            Some("not_governed"),
        ),
        (
            json!({ "ip": "11.1.1.1", "port": 1, "caller": { "cgroup": "/apps.slice/x/" } }),
            None,
        ),
    ] {
        let explanation = policy.explain(&question(asked.clone()), &around);
        let explanation = serde_json::to_value(explanation.expect("one")).expect("JSON");
        let verdict = if why.is_some() { "allow" } else { "deny" };
        assert_eq!(explanation.get("verdict"), Some(&json!(verdict)), "{asked}");
        assert_eq!(
            explanation.get("let_through").and_then(Value::as_str),
            why,
            "{asked}"
        );
    }
}

#[test]
fn what_the_mode_lets_through_is_told_with_what_is_said_of_it() {
    let asked = || question(json!({ "host": "other.example", "port": 443 }));
    let of = |options| {
        let policy = policy(&config(REGISTRY), options);
        let explanation = policy.explain(&asked(), &Surroundings::default());
        let explanation = serde_json::to_value(explanation.expect("one")).expect("JSON");
        let get = |key| explanation.get(key).and_then(Value::as_str).unwrap_or("-");
        ["verdict", "reason", "let_through"].map(|key| get(key).to_owned())
    };
    let audit = Options {
        mode: Mode::Audit,
        ..LEARNING
    };
    assert_eq!(of(audit), ["deny", "host_not_in_registry", "audit"]);
    let any = Options {
        outbound: OutboundTrafficPolicy::AllowAny,
        ..LEARNING
    };
    assert_eq!(of(any), ["allow", "-", "allow_any"]);
}

#[test]
fn what_only_asking_can_tell_is_said() {
    let notes = |asked: Value| ask(asked).notes.join("\n");
    let said = notes(json!({ "host": "ledger.example.com", "port": 443 }));
    for part in [
        "taken to be 10.20.0.0, the first that `ledger` lists",
        "resolved_address_refused",
        "the client's address has to be one of `ledger.example.com`'s",
        "`ech_denied`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = notes(json!({ "host": "pay.example.com", "port": 443 }));
    assert!(said.contains("nothing was said of the caller"), "{said}");
    let said = notes(json!({ "host": "a.example", "port": 444, "protocol": "TLS" }));
    assert!(
        said.contains("near 444: 80, 443, 5432, 6432 and 1 more"),
        "{said}"
    );
    assert!(
        said.contains("looking up `a.example` is denied (`host_not_in_registry`)"),
        "{said}"
    );
}

#[test]
fn a_route_is_told_with_where_it_leads() {
    let routed = format!(
        "{REGISTRY}\n[[route]]\nname = \"canary\"\n\
         match = [{{ sni_hosts = [\"api.example.com\"], port = 443 }}]\n\
         destinations = [{{ service = \"api\", weight = 9 }}, {{ service = \"grpc\", weight = 1 }}]\n"
    );
    let policy = policy(&config(&routed), LEARNING);
    let asked = question(json!({ "host": "api.example.com", "port": 443 }));
    let explanation = policy
        .explain(&asked, &Surroundings::default())
        .expect("an explanation");
    assert_eq!(explanation.route.as_deref(), Some("canary"));
    let said = explanation.notes.join("\n");
    assert!(
        said.contains("route `canary` leads it to `api` and `grpc`, by weight"),
        "{said}"
    );
}
