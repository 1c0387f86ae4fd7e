//! One connection, from accept to its one line.

mod admission;
mod line;
mod micros;
mod opinion;
mod ordinary;
mod outcome;
mod told;

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Account;
use super::metrics::{Destination, Source, TcpLabels};
use super::sampling::Draw;
use crate::types::{
    Caller, Claim, ClientAddr, ConnId, DenyReason, Generation, HostName, Language, OriginalDst,
    Place, ResponseFlag, ServiceName, UpstreamAddr,
};

pub use admission::Admission;
use admission::verdict;
pub(super) use line::{cgroup, container, exe};
use micros::Micros;
pub use opinion::Opinion;
pub(super) use outcome::denial_flag;
pub use outcome::{Outcome, Traffic};
pub use told::{Counted, Counts, Told};

/// What is known of one connection so far.
///
/// [`finish`](Self::finish) consumes it. If it is dropped instead, because its task was cancelled or
/// panicked, that is recorded.
pub struct Record {
    account: Account,
    conn: ConnId,
    client: Option<ClientAddr>,
    accepted: Instant,
    dst: Option<OriginalDst>,
    caller: Option<Arc<Caller>>,
    sniffed: Option<Sniffed>,
    generation: Option<NonZero<u64>>,
    admitted: Option<Admitted>,
    rare: Option<Box<Rare>>,
    connected: Option<Connected>,
    counters: Option<Arc<dyn Counts>>,
    decision_counted: bool,
    finished: bool,
}

/// The protocol of a connection whose first bytes were not read.
const UNREAD: Language = Language::Tcp;

struct Sniffed {
    language: Language,
    name: Option<HostName>,
    took: Micros,
}

/// Of an admission, what most have.
struct Admitted {
    service: Option<ServiceName>,
    rule: Option<Place>,
    would_deny: Option<DenyReason>,
}

/// What few connections have, in a place of its own.
#[derive(Default)]
struct Rare {
    /// Of the admission.
    route: Option<Box<str>>,
    learned: Option<HostName>,
    /// A name that the caller was told, which did not admit it.
    told: Option<HostName>,
    /// What the shadow policy says, where it differs.
    shadow: Option<Opinion>,
}

struct Connected {
    upstream: UpstreamAddr,
    resolve_time: Option<Micros>,
    connect_time: Micros,
}

impl Record {
    pub(super) fn new(account: Account, conn: ConnId, client: Option<ClientAddr>) -> Self {
        account.metrics().connection_accepted();
        Self {
            account,
            conn,
            client,
            accepted: Instant::now(),
            dst: None,
            caller: None,
            sniffed: None,
            generation: None,
            admitted: None,
            rare: None,
            connected: None,
            counters: None,
            decision_counted: false,
            finished: false,
        }
    }

    /// The connection's number.
    pub fn id(&self) -> ConnId {
        self.conn
    }

    /// Where the client wanted to go, and who it is.
    pub fn origin(&mut self, dst: OriginalDst, caller: Arc<Caller>) {
        self.dst = Some(dst);
        self.caller = Some(caller);
    }

    /// Who the client is, before it is known where it wants to go.
    pub fn comes_from(&mut self, caller: Arc<Caller>) {
        self.caller = Some(caller);
    }

    /// The client asked the gateway for a connection to this name; what it sends on it may say nothing.
    pub fn asked_for(&mut self, name: &HostName, took: Duration) {
        self.sniffed = Some(Sniffed {
            language: UNREAD,
            name: Some(name.clone()),
            took: took.into(),
        });
    }

    /// What the client's first bytes said, and how long it took to know.
    pub fn sniffed(&mut self, claim: &Claim, took: Duration) {
        let language = claim.language();
        self.account
            .metrics()
            .sniffed(language.label(), sniff_outcome(claim), took);
        let asked_for = self.sniffed.take().and_then(|sniffed| sniffed.name);
        self.sniffed = Some(Sniffed {
            language,
            name: claim.name().cloned().or(asked_for),
            took: took.into(),
        });
    }

    /// The policy that judges the connection.
    pub fn judged_by(&mut self, generation: Generation) {
        self.generation = NonZero::new(generation.0);
    }

    /// The names that its caller was told for the destination, none of which admits it: the log has the
    /// first.
    pub fn learned(&mut self, names: &[HostName]) {
        if let Some(name) = names.first() {
            self.rare.get_or_insert_default().told = Some(name.clone());
        }
    }

    /// It may be made. Called again, it replaces what was said before.
    pub fn permitted(&mut self, admission: Admission) {
        let Admission {
            service,
            rule,
            route,
            learned,
            would_deny,
        } = admission;
        self.admitted = Some(Admitted {
            service,
            rule,
            would_deny,
        });
        if self.rare.is_some() || route.is_some() || learned.is_some() {
            let rare = self.rare.get_or_insert_default();
            (rare.route, rare.learned) = (route, learned);
        }
    }

    /// What the shadow policy says where the enforced one says `enforced`. The log has it if they differ.
    pub fn shadowed(&mut self, shadow: Opinion, enforced: &Opinion) {
        let agrees = shadow == *enforced;
        self.account.metrics().shadowed(shadow.verdict, agrees);
        let differs = (!agrees).then_some(shadow);
        if self.rare.is_some() || differs.is_some() {
            self.rare.get_or_insert_default().shadow = differs;
        }
    }

    /// The upstream is connected.
    pub fn connected(
        &mut self,
        upstream: UpstreamAddr,
        resolve_time: Option<Duration>,
        connect_time: Duration,
    ) {
        let labels = self.labels(self.destination(), ResponseFlag::None);
        self.account
            .metrics()
            .connected(&labels, resolve_time, connect_time);
        self.connected = Some(Connected {
            upstream,
            resolve_time: resolve_time.map(Into::into),
            connect_time: connect_time.into(),
        });
        self.count_permit();
    }

    /// The client's own address was not one of the name's, and another was dialled.
    pub fn redialled(&self) {
        self.account.metrics().redialled();
    }

    /// A later request on the connection was refused; the log has the name that it was for.
    pub fn refused_later(&mut self, asked: Option<HostName>) {
        if let Some(sniffed) = &mut self.sniffed {
            sniffed.name = asked;
        }
    }

    /// A later request would have been refused, were it not for audit mode; the log has the first reason.
    pub fn would_refuse_later(&mut self, reason: DenyReason) {
        self.account.metrics().decided("audit", Some(reason));
        if let Some(admitted) = &mut self.admitted {
            admitted.would_deny.get_or_insert(reason);
        }
    }

    /// Where the bytes are counted: read when the record ends, however it ends.
    pub fn counted_by(&mut self, counters: Arc<dyn Counts>) {
        self.counters = Some(counters);
    }

    /// Ends the record.
    pub fn finish(mut self, outcome: &Outcome) {
        self.emit(outcome);
    }

    fn emit(&mut self, outcome: &Outcome) {
        self.finished = true;
        let Counted { all, untold } = self
            .counters
            .as_ref()
            .map(|counters| counters.counted())
            .unwrap_or_default();
        let flag = outcome.flag();
        match outcome {
            Outcome::Denied(denial) => {
                self.account.metrics().decided("deny", Some(denial.reason));
                if self.connected.is_some() {
                    self.closed(flag, untold);
                } else {
                    self.failed(Destination::BlackHole, flag);
                }
            }
            Outcome::Direct | Outcome::Answered => self.count_permit(),
            Outcome::Unreachable { reason, .. } => {
                self.count_permit();
                self.account.metrics().dial_failed(reason);
                self.failed(self.destination(), flag);
            }
            Outcome::Revoked { .. } | Outcome::Closed { .. } => {
                self.count_permit();
                if self.connected.is_some() {
                    self.closed(flag, untold);
                } else {
                    self.failed(self.destination(), flag);
                }
            }
        }
        match self.draw(outcome) {
            Draw::Out => self.account.metrics().sampled_out(),
            draw => {
                let line = self.line(outcome, all, draw);
                self.account.write(&line);
            }
        }
    }

    fn closed(&self, flag: ResponseFlag, untold: Traffic) {
        let labels = self.labels(self.destination(), flag);
        let lasted = self.accepted.elapsed();
        self.account.metrics().closed(&labels, untold, lasted);
    }

    fn failed(&self, destination: Destination, flag: ResponseFlag) {
        self.account
            .metrics()
            .failed(&self.labels(destination, flag));
    }

    fn labels(&self, destination: Destination, flag: ResponseFlag) -> TcpLabels {
        let caller = self.caller.as_ref();
        TcpLabels {
            source: caller.and_then(|caller| caller.pod.clone()).map(Source),
            destination,
            protocol: self.sniffed.as_ref().map_or(UNREAD, |s| s.language).label(),
            flag,
        }
    }

    /// Counts the permit, once. Not when it is given: the guard of the dialled address may still
    /// make it a denial.
    fn count_permit(&mut self) {
        if let Some(admitted) = &self.admitted
            && !self.decision_counted
        {
            self.decision_counted = true;
            self.account
                .metrics()
                .decided(verdict(admitted.would_deny), admitted.would_deny);
        }
    }

    fn destination(&self) -> Destination {
        match &self.admitted {
            Some(Admitted {
                service: Some(name),
                ..
            }) => Destination::Service(name.clone()),
            Some(Admitted { service: None, .. }) => Destination::Passthrough,
            None => Destination::Unknown,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.finished {
            self.emit(&Outcome::Closed {
                reason: "cancelled",
                flag: ResponseFlag::None,
            });
        }
        self.account.metrics().connection_over();
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("conn", &self.conn)
            .finish_non_exhaustive()
    }
}

fn sniff_outcome(claim: &Claim) -> &'static str {
    match claim {
        Claim::Malformed(_) => "malformed",
        Claim::Opaque => "opaque",
        Claim::Tls(_) | Claim::Http1 { .. } | Claim::Http2 { .. } => {
            if claim.name().is_some() {
                "name"
            } else {
                "no_name"
            }
        }
    }
}

#[cfg(test)]
mod tests;
