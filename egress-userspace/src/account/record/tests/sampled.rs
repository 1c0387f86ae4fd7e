//! Which connections have a line when only a share of them has one.

use std::ops::RangeInclusive;

use super::*;

const CONNECTIONS: usize = 20_000;
const SHARE: f64 = 0.25;
/// A quarter of them, with six times the standard deviation (61) to either side: a right draw is outside of it once in
/// 500 million runs, one that is off by a fifth never inside.
const RIGHT: RangeInclusive<usize> = 4_634..=5_366;

fn denied() -> Outcome {
    Outcome::Denied(DenyReason::HostNotInRegistry.into())
}

#[tokio::test]
async fn a_share_of_ordinary_connections_has_a_line_and_each_says_how_many_it_stands_for() {
    let books = Books::new();
    books.account.sample(SHARE);
    for _ in 0..CONNECTIONS {
        connected(&books, None).finish(&CLOSED);
    }
    let metrics = books.metrics();
    let lines = books.lines().await;
    assert!(RIGHT.contains(&lines.len()), "{}", lines.len());
    assert!(lines.iter().all(|line| line["sample_rate"] == SHARE));
    let out = format!(
        "egress_access_log_sampled_out_total {}",
        CONNECTIONS - lines.len()
    );
    assert!(metrics.lines().any(|line| line == out), "{out}");
}

#[tokio::test]
async fn what_is_denied_or_would_be_always_has_a_line() {
    let books = Books::new();
    books.account.sample(0.0);
    for _ in 0..1_000 {
        introduced(&books).finish(&denied());
        connected(&books, Some(DenyReason::NoName)).finish(&CLOSED);
        // Another policy took it back, or a later request was refused.
        connected(&books, None).finish(&Outcome::Revoked { by: Generation(5) });
        connected(&books, None).finish(&denied());
    }
    books.has("egress_access_log_sampled_out_total 0");
    let lines = books.lines().await;
    assert_eq!(lines.len(), 4_000);
    assert!(lines.iter().all(|line| line.get("sample_rate").is_none()));
}

#[tokio::test]
async fn what_fails_always_has_a_line() {
    let books = Books::new();
    books.account.sample(0.0);
    let mut unreachable = introduced(&books);
    unreachable.permitted(by_api());
    unreachable.finish(&Outcome::Unreachable {
        reason: "connect_refused",
        flag: ResponseFlag::UpstreamConnectionFailure,
    });
    connected(&books, None).finish(&Outcome::Closed {
        reason: "upstream_reset",
        flag: ResponseFlag::UpstreamConnectionTermination,
    });
    for reason in ["operator", "cancelled"] {
        let flag = ResponseFlag::None;
        connected(&books, None).finish(&Outcome::Closed { reason, flag });
    }
    // It left before it was judged.
    books.open().finish(&CLOSED);
    let lines = books.lines().await;
    let flags: Vec<_> = lines.iter().map(|line| &line["response_flags"]).collect();
    assert_eq!(flags, ["UF", "UC", "-", "-", "-"]);
}

#[tokio::test]
async fn what_the_shadow_says_otherwise_always_has_a_line() {
    let books = Books::new();
    books.account.sample(0.0);
    let enforced = Opinion {
        verdict: "allow",
        reason: None,
        service: None,
    };
    for verdict in ["allow", "deny"] {
        let mut record = connected(&books, None);
        let shadow = Opinion {
            verdict,
            ..enforced.clone()
        };
        record.shadowed(shadow, &enforced);
        record.finish(&CLOSED);
    }
    let lines = books.lines().await;
    let said: Vec<_> = lines.iter().map(|line| &line["shadow_verdict"]).collect();
    assert_eq!(said, ["deny"]);
}

#[tokio::test]
async fn the_share_may_change_while_connections_end() {
    let books = Books::new();
    for share in [0.0, 1.0, 0.0] {
        books.account.sample(share);
        connected(&books, None).finish(&CLOSED);
    }
    let lines = books.lines().await;
    assert_eq!(lines.len(), 1);
    assert!(lines.iter().all(|line| line.get("sample_rate").is_none()));
}
