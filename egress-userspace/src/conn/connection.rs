//! One connection that is joined: what it was admitted by, and what becomes of it.

use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::stop::Ending;
use crate::dial::Ends;
use crate::policy::{Facts, Permit, Policy, Verdict};
use crate::relay::Counters;
use crate::types::{
    Caller, Claim, ClientAddr, ConnId, Generation, HostName, OnRevoke, OriginalDst, ServiceName,
};

/// What is known of a connection before its client has spoken, for as long as it lives.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) client: ClientAddr,
    pub(super) dst: OriginalDst,
    pub(super) caller: Arc<Caller>,
    /// Names that the DNS forwarder told the caller for the destination.
    pub(super) learned: Box<[HostName]>,
    pub(super) draw: u32,
}

impl Known {
    /// With what the client said.
    pub(super) fn facts<'a>(&'a self, claim: &'a Claim) -> Facts<'a> {
        Facts {
            dst: self.dst,
            claim,
            caller: &self.caller,
            learned: &self.learned,
            draw: self.draw,
        }
    }

    /// Whose connection is dialled, with what the client said.
    pub(super) fn ends<'a>(&self, claim: &'a Claim, speaks: bool) -> Ends<'a> {
        Ends {
            client: self.client,
            dst: self.dst,
            claim,
            speaks,
        }
    }
}

/// What let a connection through.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    pub(super) permit: Permit,
    /// What becomes of it when a new policy forbids it.
    pub(super) on_revoke: OnRevoke,
    /// The policy that gave the permit.
    pub(super) generation: Generation,
}

/// A connection that is joined.
#[derive(Debug)]
pub struct Connection {
    id: ConnId,
    known: Known,
    claim: Claim,
    /// What its client asked for last, if that is not what it asked for first.
    latest: Mutex<Option<Box<Claim>>>,
    admitted: Admitted,
    since: Instant,
    counters: Counters,
    standing: Mutex<Standing>,
    changed: Notify,
}

/// What the last policy that judged it says.
#[derive(Clone, Copy, Debug)]
struct Standing {
    judged_by: Generation,
    fate: Fate,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Admitted,
    /// It is forbidden, and goes on.
    Kept,
    /// It is forbidden, and has until then.
    Draining { until: Instant, by: Generation },
    /// It is forbidden.
    Closed { by: Generation },
    /// The gateway ends.
    Cut,
}

/// What is done with a connection that a new policy forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is reset.
    Close,
    /// It is reset when its time is over.
    Drain,
    /// Nothing.
    Keep,
}

impl Connection {
    /// It begins now.
    pub(super) fn new(id: ConnId, known: Known, claim: Claim, admitted: Admitted) -> Self {
        let standing = Standing {
            judged_by: admitted.generation,
            fate: Fate::Admitted,
        };
        Self {
            id,
            known,
            claim,
            latest: Mutex::default(),
            admitted,
            since: Instant::now(),
            counters: Counters::default(),
            standing: Mutex::new(standing),
            changed: Notify::new(),
        }
    }

    /// Its number.
    pub fn id(&self) -> ConnId {
        self.id
    }

    /// Where its client is.
    pub fn client(&self) -> ClientAddr {
        self.known.client
    }

    /// Where the client wanted to go.
    pub fn dst(&self) -> OriginalDst {
        self.known.dst
    }

    /// Who opened it.
    pub fn caller(&self) -> &Caller {
        &self.known.caller
    }

    /// What the client said in its first bytes.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The service that admitted it; `None`: it was let through without one.
    pub fn service(&self) -> Option<&ServiceName> {
        self.permit().service()
    }

    /// The policy that admitted it.
    pub fn generation(&self) -> Generation {
        self.admitted.generation
    }

    /// The permit that it lives under.
    pub fn permit(&self) -> &Permit {
        &self.admitted.permit
    }

    /// When it was joined.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The bytes that have passed.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What a policy decides it by.
    pub(super) fn facts(&self) -> Facts<'_> {
        self.known.facts(&self.claim)
    }

    /// Its client asks for this now; what follows may pass unread, as in a tunnel.
    pub(super) fn asks(&self, claim: &Claim) {
        let latest = (*claim != self.claim).then(|| Box::new(claim.clone()));
        *lock(&self.latest) = latest;
    }

    /// Whether a policy admits what it was made for, and what it is used for.
    pub(super) fn is_admitted_by(&self, policy: &Policy) -> bool {
        let latest = lock(&self.latest).clone();
        let mut claims = iter::once(&self.claim).chain(latest.as_deref());
        claims.all(|claim| {
            let verdict = policy.decide(&self.known.facts(claim));
            matches!(verdict, Verdict::Permit(_))
        })
    }

    /// Takes a policy's judgement, unless a newer one has judged already; gives what is done where
    /// that is something else than before.
    pub(super) fn judged(&self, by: Generation, admitted: bool) -> Option<Action> {
        let mut standing = lock(&self.standing);
        if by < standing.judged_by {
            return None;
        }
        standing.judged_by = by;
        if admitted {
            // One whose end has been announced may have ended already.
            if !matches!(standing.fate, Fate::Closed { .. } | Fate::Cut) {
                standing.fate = Fate::Admitted;
                self.changed.notify_one();
            }
            return None;
        }
        if standing.fate != Fate::Admitted {
            return None;
        }
        let (fate, action) = match self.admitted.on_revoke {
            OnRevoke::Close => (Fate::Closed { by }, Action::Close),
            OnRevoke::Keep => (Fate::Kept, Action::Keep),
            OnRevoke::Drain(time) => {
                let until = Instant::now() + time;
                (Fate::Draining { until, by }, Action::Drain)
            }
        };
        standing.fate = fate;
        self.changed.notify_one();
        Some(action)
    }

    /// Has it end, as the gateway does.
    pub(super) fn cut(&self) {
        lock(&self.standing).fate = Fate::Cut;
        self.changed.notify_one();
    }

    /// Waits until it has to end, though neither of its peers ends it.
    pub(super) async fn told_to_end(&self) -> Ending {
        loop {
            // A change from here on is not missed: without a waiter it is kept for the next.
            let changed = self.changed.notified();
            match self.fate() {
                Fate::Admitted | Fate::Kept => changed.await,
                Fate::Draining { until, by } => {
                    // On the heap: nearly no connection has to wait for it.
                    if Box::pin(timeout_at(until, changed)).await.is_err() {
                        return Ending::Revoked(by);
                    }
                }
                Fate::Closed { by } => return Ending::Revoked(by),
                Fate::Cut => return Ending::Cut,
            }
        }
    }

    fn fate(&self) -> Fate {
        let standing = lock(&self.standing);
        standing.fate
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Action {
    /// The stable label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Drain => "drain",
            Self::Keep => "keep",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

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
        Connection::new(ConnId(id), known, Claim::Opaque, admitted)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn one_that_is_forbidden_ends_at_once_or_when_its_time_is_over() {
        let begun = Instant::now();
        let closed = connection(1, OnRevoke::Close);
        assert_eq!(closed.judged(Generation(2), false), Some(Action::Close));
        assert_eq!(closed.told_to_end().await, Ending::Revoked(Generation(2)));
        assert_eq!(begun.elapsed(), Duration::ZERO);

        let drained = connection(2, OnRevoke::Drain(LONG));
        assert_eq!(drained.judged(Generation(2), false), Some(Action::Drain));
        // A second policy that forbids it gives it no more time.
        tokio::time::advance(LONG / 2).await;
        assert_eq!(drained.judged(Generation(3), false), None);
        assert_eq!(drained.told_to_end().await, Ending::Revoked(Generation(2)));
        assert_eq!(begun.elapsed(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_admits_it_again_lets_it_go_on() {
        let drained = connection(1, OnRevoke::Drain(LONG));
        drained.judged(Generation(2), false);
        assert!(
            timeout_at(Instant::now() + LONG / 2, drained.told_to_end())
                .await
                .is_err()
        );
        drained.judged(Generation(3), true);
        assert!(
            timeout_at(Instant::now() + 2 * LONG, drained.told_to_end())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn one_that_is_cut_is_not_admitted_again() {
        let cut = connection(1, OnRevoke::Keep);
        cut.cut();
        cut.judged(Generation(2), true);
        assert_eq!(cut.told_to_end().await, Ending::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_kept_goes_on_and_is_told_of_once() {
        let kept = connection(1, OnRevoke::Keep);
        assert_eq!(kept.judged(Generation(2), false), Some(Action::Keep));
        assert_eq!(kept.judged(Generation(3), false), None);
        assert!(
            timeout_at(Instant::now() + LONG, kept.told_to_end())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn an_older_policy_does_not_take_back_what_a_newer_one_said() {
        let closed = connection(1, OnRevoke::Close);
        closed.judged(Generation(3), true);
        assert_eq!(closed.judged(Generation(2), false), None);
        closed.judged(Generation(4), false);
        closed.judged(Generation(3), true);
        assert_eq!(closed.told_to_end().await, Ending::Revoked(Generation(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_already_is_woken() {
        let closed = Arc::new(connection(1, OnRevoke::Close));
        let waiting = Arc::clone(&closed);
        let waiting = tokio::spawn(async move { waiting.told_to_end().await });
        tokio::task::yield_now().await;
        closed.judged(Generation(2), false);
        assert_eq!(
            waiting.await.expect("it ends"),
            Ending::Revoked(Generation(2))
        );
    }
}
