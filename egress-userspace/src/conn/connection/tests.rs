//! What becomes of a connection, by what policies and operators say.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::time::timeout_at;

use super::*;
use crate::policy::{Target, Terms};
use crate::types::CgroupId;

/// One that policy 1 admitted.
pub(in crate::conn) fn connection(id: u64, on_revoke: OnRevoke) -> Connection {
    let address = SocketAddr::from(([192, 0, 2, 1], 5432));
    let known = Known {
        client: ClientAddr::new(SocketAddr::from(([127, 0, 0, 1], 40_000))),
        dst: OriginalDst::new(address),
        caller: Arc::new(Caller::unknown(CgroupId(1))),
        learned: Box::default(),
        draw: 0,
    };
    let admitted = Admitted {
        permit: Permit::for_test(Target::Address(address), Terms::default()),
        on_revoke,
        generation: Generation(1),
    };
    let upstream = UpstreamAddr::new(address);
    Connection::new(ConnId(id), known, Claim::Opaque, admitted, upstream)
}

const LONG: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn one_that_is_forbidden_ends_at_once_or_when_its_time_is_over() {
    let seen = Instant::now();
    let closed = connection(1, OnRevoke::Close);
    assert_eq!(
        closed.judging().judged(Generation(2), false),
        Some(Action::Close)
    );
    assert_eq!(closed.told_to_end().await, Ending::Revoked(Generation(2)));
    assert_eq!(seen.elapsed(), Duration::ZERO);

    let drained = connection(2, OnRevoke::Drain(LONG));
    assert_eq!(
        drained.judging().judged(Generation(2), false),
        Some(Action::Drain)
    );
    // A second policy that forbids it gives it no more time.
    tokio::time::advance(LONG / 2).await;
    assert_eq!(drained.judging().judged(Generation(3), false), None);
    assert_eq!(drained.told_to_end().await, Ending::Revoked(Generation(2)));
    assert_eq!(seen.elapsed(), LONG);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_admits_it_again_lets_it_go_on() {
    let drained = connection(1, OnRevoke::Drain(LONG));
    drained.judging().judged(Generation(2), false);
    assert!(
        timeout_at(Instant::now() + LONG / 2, drained.told_to_end())
            .await
            .is_err()
    );
    drained.judging().judged(Generation(3), true);
    assert!(
        timeout_at(Instant::now() + 2 * LONG, drained.told_to_end())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn one_that_an_operator_ends_is_not_admitted_again() {
    let ended = connection(1, OnRevoke::Keep);
    ended.end();
    ended.judging().judged(Generation(2), true);
    assert_eq!(ended.told_to_end().await, Ending::Told);
}

#[tokio::test]
async fn one_that_is_cut_is_not_admitted_again() {
    let cut = connection(1, OnRevoke::Keep);
    cut.cut();
    cut.judging().judged(Generation(2), true);
    assert_eq!(cut.told_to_end().await, Ending::Cut);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_kept_goes_on_and_is_told_of_once() {
    let kept = connection(1, OnRevoke::Keep);
    assert_eq!(
        kept.judging().judged(Generation(2), false),
        Some(Action::Keep)
    );
    assert_eq!(kept.judging().judged(Generation(3), false), None);
    assert!(
        timeout_at(Instant::now() + LONG, kept.told_to_end())
            .await
            .is_err()
    );
}

#[test]
fn who_judges_waits_for_who_does_so_already_and_sees_what_that_one_saw() {
    let connection = connection(1, OnRevoke::Keep);
    let (began, seen) = mpsc::channel();
    thread::scope(|scope| {
        let mut first = connection.judging();
        let second = scope.spawn(|| {
            began.send(()).expect("it is waited for");
            connection.judging().last()
        });
        seen.recv().expect("it has seen");
        first.judged(Generation(3), true);
        drop(first);
        assert_eq!(second.join().expect("it ends"), Generation(3));
    });
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_already_is_woken() {
    let closed = Arc::new(connection(1, OnRevoke::Close));
    let waiting = Arc::clone(&closed);
    let waiting = tokio::spawn(async move { waiting.told_to_end().await });
    tokio::task::yield_now().await;
    closed.judging().judged(Generation(2), false);
    assert_eq!(
        waiting.await.expect("it ends"),
        Ending::Revoked(Generation(2))
    );
}
