//! What comes near, one sentence a test.

mod questions;
mod told;

use serde_json::{Value, json};

use crate::config::Config;
use crate::policy::{Explanation, Options, Policy, Question, Surroundings};
use crate::types::Generation;

const REGISTRY: &str = r#"
[[scope]]
cgroups = ["/apps.slice"]

[[service]]
name = "api"
hosts = ["api.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"

[[service]]
name = "cdn"
hosts = ["*.cdn.example.com"]
ports = [{ number = 443, protocol = "TLS" }, { number = 80, protocol = "HTTP" }]
resolution = "DYNAMIC_DNS"

[[service]]
name = "ledger"
hosts = ["ledger.example.com"]
addresses = ["10.20.0.0/24"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"
trust = "verify"
ech = "deny"

[[service]]
name = "payments"
hosts = ["pay.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"
from = [{ namespace = "shop", service_account = "checkout" }, { cgroup = "/batch.slice", uid = 7 }]

[[service]]
name = "paste"
hosts = ["paste.example.net"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"

[[service]]
name = "no-paste"
hosts = ["*.example.net"]
ports = [{ number = 443, protocol = "TLS" }]
deny = true

[[service]]
name = "orders-db"
addresses = ["198.51.100.20", "198.51.100.64/26"]
ports = [{ number = 5432, protocol = "TCP" }]

[[service]]
name = "far-db"
addresses = ["203.0.113.0/24"]
ports = [{ number = 5432, protocol = "TCP" }]

[[service]]
name = "reports-db"
hosts = ["db.example.org"]
ports = [{ number = 6432, protocol = "TCP" }]

[[service]]
name = "grpc"
hosts = ["grpc.example.org"]
ports = [{ number = 8080, protocol = "GRPC" }]
resolution = "DNS"
"#;

fn config(text: &str) -> Config {
    Config::from_toml("egress.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn policy(config: &Config, options: Options) -> Policy {
    Policy::compile(&config.services, &config.routes, options, Generation(1))
}

const LEARNING: Options = super::build::LEARNING;

fn question(question: Value) -> Question {
    serde_json::from_value(question).expect("a question")
}

fn ask(asked: Value) -> Explanation {
    let policy = policy(&config(REGISTRY), LEARNING);
    let around = Surroundings::default();
    policy
        .explain(&question(asked), &around)
        .expect("an explanation")
}

/// The reason, and what is told of what came near.
#[track_caller]
fn assert_near(asked: Value, reason: &str, near: &[&str]) {
    let explanation = ask(asked);
    assert_eq!(explanation.reason.as_deref(), Some(reason));
    let texts: Vec<_> = explanation.nearest.iter().map(|miss| &*miss.text).collect();
    assert_eq!(texts, near);
}

#[test]
fn a_name_that_differs_in_one_character_is_near() {
    assert_near(
        json!({ "host": "api.exmaple.com", "port": 443 }),
        "host_not_in_registry",
        &["`api` has `api.example.com`, which differs in one character"],
    );
    assert_near(
        json!({ "host": "img-cdn.example.com", "port": 443 }),
        "host_not_in_registry",
        &[
            "`cdn` has `*.cdn.example.com`, and so `img.cdn.example.com`, which differs in one character",
        ],
    );
    assert_near(
        json!({ "host": "ap.exmaple.com", "port": 443 }),
        "host_not_in_registry",
        &[],
    );
}

#[test]
fn the_apex_of_a_wildcard_and_a_name_below_one_without_are_near() {
    assert_near(
        json!({ "host": "cdn.example.com", "port": 443 }),
        "host_not_in_registry",
        &["`cdn` has `*.cdn.example.com`, which means the names below, and not the name itself"],
    );
    assert_near(
        json!({ "host": "v2.grpc.example.org", "port": 443 }),
        "host_not_in_registry",
        &[
            "`grpc` has `grpc.example.org` itself, and not the names below: those are `*.grpc.example.org`; \
           and on port 8080 (GRPC) alone",
        ],
    );
}

#[test]
fn a_name_on_other_ports_or_for_another_protocol_is_near() {
    assert_near(
        json!({ "host": "img.cdn.example.com", "port": 8443 }),
        "port_mismatch",
        &["`cdn` has `*.cdn.example.com` on port 80 (HTTP) and 443 (TLS), and not on 8443"],
    );
    assert_near(
        json!({ "host": "api.example.com", "port": 443, "protocol": "HTTP" }),
        "protocol_mismatch",
        &["`api` has `api.example.com` on port 443 for TLS, and the client speaks HTTP/1"],
    );
    assert_near(
        json!({ "host": "grpc.example.org", "port": 8080, "protocol": "HTTP" }),
        "protocol_mismatch",
        &["`grpc` has `grpc.example.org` on port 8080 for GRPC, and the client speaks HTTP/1"],
    );
}

#[test]
fn a_name_towards_other_addresses_is_near() {
    assert_near(
        json!({ "host": "ledger.example.com", "port": 443, "ip": "10.20.1.1" }),
        "address_mismatch",
        &["`ledger` has `ledger.example.com` towards 10.20.0.0/24 alone, and 10.20.1.1 is outside"],
    );
}

#[test]
fn who_a_service_is_for_is_told_and_what_the_caller_is_instead() {
    let selectors = "{ namespace = \"shop\", service_account = \"checkout\" } and \
                     { cgroup = \"/batch.slice\", uid = 7 }";
    for (caller, instead) in [
        (
            json!({ "namespace": "shop", "service_account": "clerk" }),
            "`service_account` is \"clerk\"",
        ),
        (
            json!({ "namespace": "shop" }),
            "`service_account` is not known",
        ),
        (json!({ "cgroup": "/batch.slice/x" }), "`uid` is not known"),
        (
            json!({ "cgroup": "/apps.slice", "uid": 7 }),
            "`cgroup` is \"/apps.slice\"",
        ),
    ] {
        assert_near(
            json!({ "host": "pay.example.com", "port": 443, "caller": caller }),
            "caller_not_allowed",
            &[&format!(
                "`payments` is for other callers: {selectors}; this one's {instead}"
            )],
        );
    }
}

#[test]
fn what_denies_is_the_rule_and_what_would_admit_it_else_is_near() {
    let asked = json!({ "host": "paste.example.net", "port": 443 });
    let explanation = ask(asked.clone());
    assert_eq!(explanation.service.as_deref(), Some("no-paste"));
    assert_eq!(explanation.rule.as_deref(), Some("egress.toml:39"));
    assert_eq!(explanation.to_allow, None, "nothing that is added would");
    assert_near(
        asked,
        "service_denied",
        &["`paste` admits it, but a service with `deny` comes first"],
    );
}

#[test]
fn where_no_name_is_sent_those_that_need_one_are_near() {
    let needed = "is found on port 443 by its names alone, and the client sends none, as one that speaks TLS does";
    let explanation = ask(json!({ "ip": "192.0.2.1", "port": 443, "protocol": "TCP" }));
    assert_eq!(explanation.reason.as_deref(), Some("no_name"));
    let first = explanation.nearest.first().expect("one that is near");
    assert_eq!(first.text, format!("`api` {needed}"));
    let explanation = ask(json!({ "host": "ledger.example.com", "port": 443, "protocol": "TCP" }));
    let first = explanation.nearest.first().expect("one that is near");
    assert_eq!(
        first.text,
        "`ledger` has `ledger.example.com` on port 443, and the client sends none, as one that speaks TLS does"
    );
}

#[test]
fn a_name_that_nobody_looked_up_is_not_known_to_plain_tcp() {
    let asked = json!({ "host": "db.example.org", "port": 6432, "protocol": "TCP" });
    assert_eq!(ask(asked.clone()).service.as_deref(), Some("reports-db"));
    let mut silent = asked;
    silent
        .as_object_mut()
        .expect("an object")
        .insert("looked_up".into(), false.into());
    assert_near(
        silent,
        "no_name",
        &["`reports-db` has `db.example.org` on port 6432, and the client looked none of them up"],
    );
}

#[test]
fn the_services_with_the_nearest_addresses_come_first() {
    assert_near(
        json!({ "ip": "198.51.100.21", "port": 5432 }),
        "address_not_in_registry",
        &[
            "`orders-db` has port 5432 towards 198.51.100.20 and 198.51.100.64/26 alone",
            "`far-db` has port 5432 towards 203.0.113.0/24 alone",
        ],
    );
    assert_near(
        json!({ "ip": "198.51.100.20", "port": 5433 }),
        "port_not_in_registry",
        &["`orders-db` has 198.51.100.20 on port 5432 (TCP), and not on 5433"],
    );
}

#[test]
fn only_the_nearest_are_told_and_the_others_counted() {
    let many = (0..8).map(|n| {
        format!(
            "[[service]]\nname = \"s{n}\"\nhosts = [\"a.example\"]\nresolution = \"DNS\"\n\
             ports = [{{ number = {}, protocol = \"TLS\" }}]\n",
            8000 + n
        )
    });
    let text = format!(
        "[[scope]]\ncgroups = [\"/a\"]\n{}",
        many.collect::<String>()
    );
    let policy = policy(&config(&text), LEARNING);
    let asked = question(json!({ "host": "a.example", "port": 443 }));
    let explanation = policy
        .explain(&asked, &Surroundings::default())
        .expect("an explanation");
    assert_eq!((explanation.nearest.len(), explanation.left_out), (5, 3));
}

#[test]
fn a_client_that_encrypts_its_name_is_told_of_the_service_that_does_not_take_it() {
    assert_near(
        json!({ "host": "ledger.example.com", "port": 443, "ip": "10.20.0.9", "ech": true }),
        "ech_denied",
        &["`ledger` takes no ClientHello that encrypts a name"],
    );
}

#[test]
fn an_address_for_another_protocol_is_near_after_a_name_on_other_ports() {
    let text = format!(
        "{REGISTRY}\n[[service]]\nname = \"web\"\naddresses = [\"192.0.2.0/24\"]\n\
         ports = [{{ number = 80, protocol = \"HTTP\" }}]\nresolution = \"NONE\"\n"
    );
    let policy = policy(&config(&text), LEARNING);
    let asked =
        json!({ "host": "api.example.com", "port": 80, "protocol": "TLS", "ip": "192.0.2.1" });
    let explanation = policy
        .explain(&question(asked), &Surroundings::default())
        .expect("an explanation");
    let texts: Vec<_> = explanation.nearest.iter().map(|miss| &*miss.text).collect();
    let expected = [
        "`api` has `api.example.com` on port 443 (TLS), and not on 80",
        "`web` has 192.0.2.1 on port 80 for HTTP, and the client speaks TLS",
    ];
    assert_eq!(texts, expected);
}
