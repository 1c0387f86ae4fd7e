//! One connection, from accept to its one line.

mod line;
mod outcome;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Account;
use super::metrics::{Destination, TcpLabels};
use crate::types::{
    Caller, Claim, ClientAddr, ConnId, DenyReason, Generation, HostName, OriginalDst, ResponseFlag,
    ServiceName, UpstreamAddr,
};

pub use outcome::{Outcome, Traffic};

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
    generation: Option<Generation>,
    permitted: Option<Permitted>,
    connected: Option<Connected>,
    counters: Option<Counters>,
    decision_counted: bool,
    finished: bool,
}

type Counters = Box<dyn Fn() -> Traffic + Send + Sync>;

struct Sniffed {
    protocol: &'static str,
    name: Option<HostName>,
    took: Duration,
}

struct Permitted {
    service: Option<ServiceName>,
    would_deny: Option<DenyReason>,
}

struct Connected {
    upstream: UpstreamAddr,
    resolve_time: Option<Duration>,
    connect_time: Duration,
}

impl Record {
    pub(super) fn new(account: Account, conn: ConnId, client: Option<ClientAddr>) -> Self {
        account.metrics.connection_accepted();
        Self {
            account,
            conn,
            client,
            accepted: Instant::now(),
            dst: None,
            caller: None,
            sniffed: None,
            generation: None,
            permitted: None,
            connected: None,
            counters: None,
            decision_counted: false,
            finished: false,
        }
    }

    /// Where the client wanted to go, and who it is.
    pub fn origin(&mut self, dst: OriginalDst, caller: Arc<Caller>) {
        self.dst = Some(dst);
        self.caller = Some(caller);
    }

    /// What the client's first bytes said, and how long it took to know.
    pub fn sniffed(&mut self, claim: &Claim, took: Duration) {
        let protocol = claim.label();
        self.account
            .metrics
            .sniffed(protocol, sniff_outcome(claim), took);
        self.sniffed = Some(Sniffed {
            protocol,
            name: claim.name().cloned(),
            took,
        });
    }

    /// The policy that judges the connection.
    pub fn judged_by(&mut self, generation: Generation) {
        self.generation = Some(generation);
    }

    /// It may be made, by this service; `would_deny` is what enforcement would have said in audit
    /// mode. Called again, it replaces what was said before.
    pub fn permitted(&mut self, service: Option<ServiceName>, would_deny: Option<DenyReason>) {
        self.permitted = Some(Permitted {
            service,
            would_deny,
        });
    }

    /// The upstream is connected.
    pub fn connected(
        &mut self,
        upstream: UpstreamAddr,
        resolve_time: Option<Duration>,
        connect_time: Duration,
    ) {
        let labels = TcpLabels {
            destination: self.destination(),
            flag: ResponseFlag::None,
        };
        self.account
            .metrics
            .connected(&labels, resolve_time, connect_time);
        self.connected = Some(Connected {
            upstream,
            resolve_time,
            connect_time,
        });
        self.count_permit();
    }

    /// The client's own address was not one of the name's, and another was dialled.
    pub fn redialled(&self) {
        self.account.metrics.redialled();
    }

    /// Where the bytes are counted: read when the record ends, however it ends.
    pub fn counted_by(&mut self, counters: impl Fn() -> Traffic + Send + Sync + 'static) {
        self.counters = Some(Box::new(counters));
    }

    /// Ends the record.
    pub fn finish(mut self, outcome: &Outcome) {
        self.emit(outcome);
    }

    fn emit(&mut self, outcome: &Outcome) {
        self.finished = true;
        let traffic = self
            .counters
            .as_ref()
            .map(|read| read())
            .unwrap_or_default();
        let flag = outcome.flag();
        match outcome {
            Outcome::Denied { reason, .. } => {
                self.account.metrics.decided("deny", Some(*reason));
                self.failed(Destination::BlackHole, flag);
            }
            Outcome::Direct => self.count_permit(),
            Outcome::Unreachable { reason, .. } => {
                self.count_permit();
                self.account.metrics.dial_failed(reason);
                self.failed(self.destination(), flag);
            }
            Outcome::Closed { .. } => {
                self.count_permit();
                if self.connected.is_some() {
                    let labels = TcpLabels {
                        destination: self.destination(),
                        flag,
                    };
                    self.account.metrics.closed(&labels, traffic);
                } else {
                    self.failed(self.destination(), flag);
                }
            }
        }
        self.account.log.write(&self.line(outcome, traffic));
    }

    fn failed(&self, destination: Destination, flag: ResponseFlag) {
        self.account
            .metrics
            .failed(&TcpLabels { destination, flag });
    }

    /// Counts the permit, once. Not when it is given: the guard of the dialled address may still
    /// make it a denial.
    fn count_permit(&mut self) {
        if let Some(permitted) = &self.permitted
            && !self.decision_counted
        {
            self.decision_counted = true;
            self.account
                .metrics
                .decided(permitted.verdict(), permitted.would_deny);
        }
    }

    fn destination(&self) -> Destination {
        match &self.permitted {
            Some(Permitted {
                service: Some(name),
                ..
            }) => Destination::Service(name.clone()),
            Some(Permitted { service: None, .. }) => Destination::Passthrough,
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
        self.account.metrics.connection_over();
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("conn", &self.conn)
            .finish_non_exhaustive()
    }
}

impl Permitted {
    fn verdict(&self) -> &'static str {
        if self.would_deny.is_some() {
            "audit"
        } else {
            "allow"
        }
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
