//! One connection that is joined: what it was admitted by, and what becomes of it.

use std::iter;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep, sleep_until};

use super::remote::{still_allows, still_leads};
use super::stop::Ending;
use crate::account::{Counted, Counts, Told, Traffic};
use crate::dial::Ends;
use crate::policy::{Facts, Permit, Policy, Verdict};
use crate::relay::Counters;
use crate::types::{
    Caller, Claim, ClientAddr, ConnId, Generation, HostName, OnRevoke, OriginalDst, ServiceName,
    UpstreamAddr,
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
    later: Mutex<Later>,
    admitted: Admitted,
    upstream: UpstreamAddr,
    since: Instant,
    counters: Counters,
    told: Told,
    standing: Mutex<Standing>,
    /// Whoever waits for what becomes of it.
    waiting: AtomicWaker,
}

/// What came to be known of a connection after it was made. Of most that is nothing.
#[derive(Clone, Debug, Default)]
struct Later {
    /// What its client asked for last, if that is not what it asked for first.
    claim: Option<Box<Claim>>,
    /// Its caller, if more is known of it by now.
    caller: Option<Arc<Caller>>,
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
    /// An operator ended it.
    Ended,
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
    pub(super) fn new(
        id: ConnId,
        known: Known,
        claim: Claim,
        admitted: Admitted,
        upstream: UpstreamAddr,
    ) -> Self {
        let standing = Standing {
            judged_by: admitted.generation,
            fate: Fate::Admitted,
        };
        Self {
            id,
            known,
            claim,
            later: Mutex::default(),
            admitted,
            upstream,
            since: Instant::now(),
            counters: Counters::default(),
            told: Told::default(),
            standing: Mutex::new(standing),
            waiting: AtomicWaker::new(),
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

    /// Who opened it, as far as is known now.
    pub fn caller(&self) -> Arc<Caller> {
        let later = lock(&self.later).caller.clone();
        later.unwrap_or_else(|| Arc::clone(&self.known.caller))
    }

    /// More is known of who opened it.
    pub(super) fn set_caller(&self, caller: Caller) {
        lock(&self.later).caller = Some(Arc::new(caller));
    }

    /// What the client said in its first bytes.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The name that it is for: the one that the client sent, or that it was told for its destination.
    pub fn name(&self) -> Option<&HostName> {
        self.claim.name().or_else(|| self.permit().learned())
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

    /// Where it leads.
    pub fn upstream(&self) -> UpstreamAddr {
        self.upstream
    }

    /// When it was joined.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The bytes that have passed.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What a policy decides it by, whoever is its caller and whatever it asks for.
    pub(super) fn facts<'a>(&'a self, caller: &'a Caller, claim: &'a Claim) -> Facts<'a> {
        Facts {
            caller,
            ..self.known.facts(claim)
        }
    }

    /// Its client asks for this now; what follows may pass unread, as in a tunnel.
    pub(super) fn asks(&self, claim: &Claim) {
        let latest = (*claim != self.claim).then(|| Box::new(claim.clone()));
        lock(&self.later).claim = latest;
    }

    /// Whether a policy admits what it was made for, and what it is used for.
    pub(super) fn is_admitted_by(&self, policy: &Policy) -> bool {
        let Later { claim, caller } = lock(&self.later).clone();
        let caller = caller.unwrap_or_else(|| Arc::clone(&self.known.caller));
        let mut claims = iter::once(&self.claim).chain(claim.as_deref());
        claims.all(|claim| {
            match policy.decide(&self.facts(&caller, claim)) {
                // It is led nowhere that one of another node would not be led now.
                Verdict::Permit(permit) => caller.process().is_some() || still_allows(&permit),
                Verdict::Deny(_) => false,
            }
        }) && self.still_leads(policy, &caller)
    }

    /// Whether one of another node might still ask for the name that its tunnel is for, whatever it says inside.
    fn still_leads(&self, policy: &Policy, caller: &Arc<Caller>) -> bool {
        if caller.process().is_some() {
            return true;
        }
        let known = Known {
            caller: Arc::clone(caller),
            ..self.known.clone()
        };
        let mut names = known.learned.iter();
        names.all(|name| still_leads(policy, &known, name))
    }

    /// Nobody else judges it until what is given is dropped. It is for the moment that a judgement takes.
    pub(super) fn judging(&self) -> Judging<'_> {
        Judging {
            connection: self,
            standing: lock(&self.standing),
        }
    }

    /// Has it end, as the gateway does.
    pub(super) fn cut(&self) {
        self.ends_as(Fate::Cut);
    }

    /// Has it end, because an operator says so.
    pub fn end(&self) {
        self.ends_as(Fate::Ended);
    }

    fn ends_as(&self, fate: Fate) {
        lock(&self.standing).fate = fate;
        self.waiting.wake();
    }

    /// Waits until it has to end, though neither of its peers ends it. One waits at a time.
    pub(super) fn told_to_end(&self) -> ToldToEnd<'_> {
        ToldToEnd {
            connection: self,
            timer: None,
        }
    }

    fn fate(&self) -> Fate {
        let standing = lock(&self.standing);
        standing.fate
    }
}

/// A connection that is being judged.
pub(super) struct Judging<'a> {
    connection: &'a Connection,
    standing: MutexGuard<'a, Standing>,
}

impl Judging<'_> {
    /// The policy that judged it last.
    pub(super) fn last(&self) -> Generation {
        self.standing.judged_by
    }

    /// Takes a policy's judgement; gives what is done where that is something else than before.
    pub(super) fn judged(&mut self, by: Generation, admitted: bool) -> Option<Action> {
        let standing = &mut *self.standing;
        standing.judged_by = by;
        if admitted {
            // One whose end has been announced may have ended already.
            if !matches!(standing.fate, Fate::Closed { .. } | Fate::Ended | Fate::Cut) {
                standing.fate = Fate::Admitted;
                self.connection.waiting.wake();
            }
            return None;
        }
        if standing.fate != Fate::Admitted {
            return None;
        }
        let (fate, action) = match self.connection.admitted.on_revoke {
            OnRevoke::Close => (Fate::Closed { by }, Action::Close),
            OnRevoke::Keep => (Fate::Kept, Action::Keep),
            OnRevoke::Drain(time) => {
                let until = Instant::now() + time;
                (Fate::Draining { until, by }, Action::Drain)
            }
        };
        standing.fate = fate;
        self.connection.waiting.wake();
        Some(action)
    }
}

impl Counts for Connection {
    fn counted(&self) -> Counted {
        self.told.counted(Traffic {
            from_client: self.counters.sent(),
            from_upstream: self.counters.received(),
        })
    }
}

/// Ready when a connection has to end: see [`Connection::told_to_end`].
pub(super) struct ToldToEnd<'a> {
    connection: &'a Connection,
    /// On the heap: nearly no connection is ever given time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Future for ToldToEnd<'_> {
    type Output = Ending;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        // Before the look: a change from here on wakes.
        self.connection.waiting.register(cx.waker());
        match self.connection.fate() {
            Fate::Admitted | Fate::Kept => {
                self.timer = None;
                Poll::Pending
            }
            Fate::Draining { until, by } => {
                let timer = || Box::pin(sleep_until(until));
                let timer = self.timer.get_or_insert_with(timer);
                if timer.deadline() != until {
                    timer.as_mut().reset(until);
                }
                timer.as_mut().poll(cx).map(|()| Ending::Revoked(by))
            }
            Fate::Closed { by } => Poll::Ready(Ending::Revoked(by)),
            Fate::Ended => Poll::Ready(Ending::Told),
            Fate::Cut => Poll::Ready(Ending::Cut),
        }
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
pub(super) mod tests;
