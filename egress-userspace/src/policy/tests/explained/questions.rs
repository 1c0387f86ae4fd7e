//! What is a question, and how it is read.

use serde_json::{Value, json};

use super::{LEARNING, REGISTRY, ask, config, policy, question};
use crate::policy::{Explanation, InvalidQuestion, Question, Surroundings};

#[test]
fn names_are_read_as_the_gateway_reads_them() {
    for (host, name) in [
        ("API.Example.COM.", "api.example.com"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
    ] {
        let explanation = ask(json!({ "host": host, "port": 443 }));
        assert_eq!(explanation.connection.host.as_deref(), Some(name));
    }
    let policy = policy(&config(REGISTRY), LEARNING);
    for (host, is_expected) in [
        (
            "api.example.com:443",
            (|e| matches!(e, InvalidQuestion::NotAlone(_))) as fn(&_) -> bool,
        ),
        ("https://api.example.com/", |e| {
            matches!(e, InvalidQuestion::NotAlone(_))
        }),
        ("", |e| matches!(e, InvalidQuestion::NotAlone(_))),
        (".", |e| matches!(e, InvalidQuestion::NotAlone(_))),
        ("*.example.com", |e| {
            matches!(e, InvalidQuestion::Pattern(_))
        }),
        ("a*.example.com", |e| {
            matches!(e, InvalidQuestion::Pattern(_))
        }),
        ("a..example.com", |e| {
            matches!(e, InvalidQuestion::Name { .. })
        }),
        ("-a.example.com", |e| {
            matches!(e, InvalidQuestion::Name { .. })
        }),
        ("127.1", |e| matches!(e, InvalidQuestion::Name { .. })),
        ("\u{fdfa}.example", |e| {
            matches!(
                e,
                InvalidQuestion::International(_) | InvalidQuestion::Name { .. }
            )
        }),
    ] {
        let asked = question(json!({ "host": host, "port": 443 }));
        let error = policy.explain(&asked, &Surroundings::default());
        let error = error.expect_err(host);
        assert!(is_expected(&error), "{host}: {error}");
    }
}

#[test]
fn an_address_for_a_host_is_where_a_client_goes_that_sends_no_name() {
    let explanation = ask(json!({ "host": "[2001:db8::1]", "port": 443, "protocol": "TLS" }));
    assert_eq!(explanation.connection.host, None);
    assert_eq!(explanation.connection.ip.to_string(), "2001:db8::1");
    assert_eq!(explanation.reason.as_deref(), Some("no_name"));
    assert!(
        explanation
            .notes
            .iter()
            .any(|note| note.contains("sends no name"))
    );
}

#[test]
fn a_question_without_a_destination_or_a_right_caller_is_none() {
    let policy = policy(&config(REGISTRY), LEARNING);
    let error = |asked: Value| {
        let error = policy.explain(&question(asked), &Surroundings::default());
        error.expect_err("no question").to_string()
    };
    assert_eq!(
        error(json!({ "port": 443 })),
        "expected a host, an address (ip), or both"
    );
    assert_eq!(
        error(json!({ "host": "a.example", "port": 0 })),
        "port 0 is no port: expected 1 to 65535"
    );
    for (key, value) in [
        ("cgroup", json!("apps")),
        ("exe", json!("curl")),
        ("exe", json!(format!("/{}", "x".repeat(4096)))),
        ("unit", json!("backup")),
        ("unit", json!("user.slice")),
        ("namespace", json!("")),
        ("namespace", json!("a b")),
        ("pod_labels", json!({ "a": "b c" })),
    ] {
        let caller = json!({ key: value });
        let said = error(json!({ "host": "a.example", "port": 443, "caller": caller }));
        assert!(said.starts_with(&format!("caller.{key}: ")), "{said}");
    }
    for unknown in [
        json!({ "port": 443, "hots": "a.example" }),
        json!({ "port": 443, "caller": { "user": "root" } }),
        json!({ "port": 70_000 }),
        json!({ "port": 443, "protocol": "UDP" }),
        json!({}),
    ] {
        assert!(serde_json::from_value::<Question>(unknown).is_err());
    }
}

#[test]
fn an_explanation_is_read_as_it_was_written() {
    let explanation = ask(json!({ "host": "api.exmaple.com", "port": 443 }));
    let text = serde_json::to_string(&explanation).expect("JSON");
    let read: Explanation = serde_json::from_str(&text).expect("an explanation");
    assert_eq!(read, explanation);
}
