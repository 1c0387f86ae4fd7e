//! Names that the DNS forwarder told the client.

use super::build::{LEARNING, Spec, dst, facts, label, names, opaque, policy, service, tls};
use crate::policy::{Facts, Options, Permit, Target, Verdict};
use crate::types::Protocol::{Tcp, Tls};
use crate::types::Resolution::Dns;

const TO: &str = "203.0.113.1:5432";

fn decide(services: &[Spec], learned: &[&str], options: Options) -> Verdict {
    let (claim, learned) = (opaque(), names(learned));
    let facts = Facts {
        learned: &learned,
        ..facts(dst(TO), &claim)
    };
    policy(services, options).decide(&facts)
}

fn permit(services: &[Spec], learned: &[&str]) -> Permit {
    match decide(services, learned, LEARNING) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

fn db(name: &str, host: &str) -> Spec {
    service(name).host(host).port(5432, Tcp)
}

#[test]
fn tcp_services_are_told_apart_by_the_name_that_was_learned() {
    let services = [db("one", "one.example"), db("two", "two.example")];
    let label = |learned: &[&str]| label(&decide(&services, learned, LEARNING));
    assert_eq!(label(&["two.example"]), "two");
    assert_eq!(label(&["one.example"]), "one");
    assert_eq!(label(&[]), "no_name");
    assert_eq!(label(&["three.example"]), "no_name");
}

#[test]
fn a_permit_says_that_its_name_was_learned() {
    let learned = permit(&[db("one", "*.example")], &["x.example"]);
    assert_eq!(learned.learned(), names(&["x.example"]).first());
}

#[test]
fn none_is_the_clients_address_as_an_answer_of_the_name() {
    let target = permit(&[db("one", "one.example")], &["one.example"]);
    let expected = Target::Answer {
        name: "one.example".parse().expect("a name"),
        addr: dst(TO).socket_addr(),
    };
    assert_eq!(target.target(), &expected);
}

#[test]
fn dns_is_an_answer_of_now_and_static_the_endpoints() {
    let dns = db("one", "one.example")
        .resolution(Dns)
        .target("pg", Some(6432));
    let expected = Target::Name {
        name: "one.example".parse().expect("a name"),
        port: 6432,
        prefer: None,
    };
    assert_eq!(permit(&[dns], &["one.example"]).target(), &expected);
    let fixed = db("one", "one.example").endpoint("198.51.100.7");
    assert!(
        matches!(permit(&[fixed], &["one.example"]).target(), Target::Endpoints(e) if e.len() == 1)
    );
}

#[test]
fn addresses_hold_too() {
    let services = [db("one", "one.example").address("192.0.2.0/24")];
    let verdict = decide(&services, &["one.example"], LEARNING);
    assert_eq!(label(&verdict), "address_mismatch");
}

#[test]
fn without_a_forwarder_hosts_of_tcp_do_not_matter() {
    let services = [db("one", "one.example").address("203.0.113.0/24")];
    let verdict = decide(&services, &[], Options::default());
    assert_eq!(label(&verdict), "one");
}

#[test]
fn a_learned_name_is_not_one_that_was_sent() {
    let services = [service("web").host("a.example").port(5432, Tls)];
    assert_eq!(
        label(&decide(&services, &["a.example"], LEARNING)),
        "no_name"
    );
    let claim = tls("one.example");
    let facts = facts(dst(TO), &claim);
    let sent = policy(&[db("one", "one.example")], LEARNING).decide(&facts);
    assert_eq!(label(&sent), "host_not_in_registry");
}

#[test]
fn a_denied_name_is_denied_by_what_was_learned() {
    let services = [db("all", "*.example"), db("deny", "bad.example").deny()];
    assert_eq!(
        label(&decide(&services, &["bad.example"], LEARNING)),
        "service_denied"
    );
    assert_eq!(
        label(&decide(&services, &["good.example"], LEARNING)),
        "all"
    );
}

#[test]
fn a_name_that_was_learned_and_is_not_sent_is_denied_all_the_same() {
    let services = [
        db("all", "*.example"),
        service("deny").host("bad.example").port(5432, Tls).deny(),
    ];
    let label = |learned: &[&str]| label(&decide(&services, learned, LEARNING));
    assert_eq!(label(&["bad.example"]), "service_denied");
    assert_eq!(label(&["good.example"]), "all");
}
