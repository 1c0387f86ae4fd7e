//! What other policies than the one that admitted a connection leave in its line.

use super::*;

fn opinion(verdict: &'static str) -> Opinion {
    Opinion {
        verdict,
        reason: (verdict == "deny").then_some(DenyReason::HostNotInRegistry),
        service: (verdict == "allow").then(|| ServiceName::new("api")),
    }
}

#[tokio::test]
async fn one_that_a_new_policy_ended_names_both_policies() {
    let books = Books::new();
    connected(&books, None).finish(&Outcome::Revoked { by: Generation(7) });
    assert_eq!(books.istio("istio_tcp_connections_closed_total", "UAEX"), 1);
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(line["policy_generation"], 4);
    assert_eq!(line["revoked_by_generation"], 7);
    assert_eq!(
        (&line["close_reason"], &line["verdict"]),
        (&json!("revoked"), &json!("allow"))
    );
}

#[tokio::test]
async fn what_the_shadow_policy_says_is_counted_and_told_where_it_differs() {
    let books = Books::new();
    let mut same = connected(&books, None);
    same.shadowed(opinion("allow"), &opinion("allow"));
    same.finish(&CLOSED);
    let mut other = connected(&books, None);
    other.shadowed(opinion("deny"), &opinion("allow"));
    other.finish(&CLOSED);
    books.has("egress_shadow_verdicts_total{verdict=\"allow\",agrees=\"true\"} 1");
    books.has("egress_shadow_verdicts_total{verdict=\"deny\",agrees=\"false\"} 1");
    let lines = books.lines().await;
    let [same, other] = lines.as_slice() else {
        panic!("two lines: {lines:?}");
    };
    assert_eq!(same.get("shadow_verdict"), None);
    assert_eq!(other["shadow_verdict"], "deny");
    assert_eq!(other["shadow_reason"], "host_not_in_registry");
    assert_eq!(other.get("shadow_service"), None);
    assert_eq!(other["verdict"], "allow");
}

#[tokio::test]
async fn a_name_that_the_caller_was_told_is_in_the_line() {
    let books = Books::new();
    let mut record = books.open();
    record.learned(&["db.example".parse().expect("a name")]);
    record.finish(&CLOSED);
    let lines = books.lines().await;
    assert_eq!(lines.first().expect("a line")["dns_name"], "db.example");
}
