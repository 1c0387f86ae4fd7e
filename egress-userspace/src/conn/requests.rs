//! Judges each request of a connection, where HTTP is spoken in the clear, as the first was.

use std::future::Future;
use std::sync::OnceLock;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::Either;

use crate::account::{Outcome, Record};
use crate::http::{self, Ended, Joined, Refused, Settings, Telling, Version};
use crate::net::TcpStream;
use crate::policy::{Denial, Verdict};
use crate::relay::{Options, relay};
use crate::types::{Claim, DenyReason, Generation, Tls};

use super::connection::Connection;
use super::downstream::Downstream;
use super::live::Live;
use super::refuse::{body, refuse, say};
use super::stop::{Ending, UNFRAMED, closed};
use super::words::Words;

/// Who judges a connection's requests: the policy of the moment, by what is known of the connection.
pub(super) struct Judge<'a> {
    live: &'a ArcSwap<Live>,
    /// With the first request's claim, and what it got: all others go where that leads.
    connection: &'a Connection,
    would_deny: OnceLock<DenyReason>,
    // Few connections have one.
    denied: OnceLock<Box<Denied>>,
}

/// What a refused request got, and by which policy.
struct Denied {
    denial: Denial,
    by: Generation,
}

impl<'a> Judge<'a> {
    /// Of this connection's requests.
    pub(super) fn new(live: &'a ArcSwap<Live>, connection: &'a Connection) -> Self {
        Self {
            live,
            connection,
            would_deny: OnceLock::new(),
            denied: OnceLock::new(),
        }
    }

    /// Joins client and upstream; request by request, if the permit says so.
    ///
    /// What is read request by request is on the heap: a relay, which most are, has no room for it.
    pub(super) fn join<'f>(
        &'f self,
        joined: Joined,
        options: &'f Options,
        cancel: impl Future<Output = ()> + Send + Unpin + 'f,
    ) -> impl Future<Output = Ended> + Send + 'f {
        let counters = self.connection.counters();
        let Some(version) = self.version() else {
            let Joined {
                client,
                first,
                upstream,
            } = joined;
            let relay = relay(client, upstream, first, options, counters, cancel);
            return Either::Left(relay.map(|ended| Ended::Closed(ended.by)));
        };
        Either::Right(Box::pin(async move {
            let settings = Settings {
                head: self.live.load().sniff.named,
                port: self.connection.dst().port(),
            };
            let asks = |claim: &Claim| self.judge(claim);
            http::serve(version, joined, asks, &settings, options, counters, cancel).await
        }))
    }

    /// What to read requests as; `None`: they are not read.
    fn version(&self) -> Option<Version> {
        match self.connection.claim() {
            _ if !self.connection.permit().judges_requests() => None,
            Claim::Http1 { .. } => Some(Version::One),
            Claim::Http2 { .. } => Some(Version::Two),
            Claim::Tls(_) | Claim::Opaque | Claim::Malformed(_) => None,
        }
    }

    /// Whether a request with this claim may go where the first went.
    fn judge(&self, claim: &Claim) -> Result<(), DenyReason> {
        let caller = self.connection.caller();
        let facts = self.connection.facts(&caller, claim);
        // Said before the policy is asked: one that comes in between judges the connection by it.
        self.connection.asks(claim);
        let live = self.live.load();
        let verdict = match live.policy.decide(&facts) {
            Verdict::Permit(permit)
                if permit.would_deny().is_none() && !permit.leads_as(self.connection.permit()) =>
            {
                permit.refuse(elsewhere(claim), facts.dst)
            }
            verdict => verdict,
        };
        match verdict {
            Verdict::Deny(denial) => {
                let reason = denial.reason;
                let by = live.policy.generation();
                self.denied.get_or_init(|| Box::new(Denied { denial, by }));
                Err(reason)
            }
            Verdict::Permit(permit) => {
                if let Some(denial) = permit.would_deny() {
                    self.would_deny.get_or_init(|| denial.reason);
                }
                Ok(())
            }
        }
    }

    /// Of a refused request. Where no service has to do with it, it was asked of the connection's.
    fn denial(&self, reason: DenyReason) -> Denial {
        match self.denied.get().map(|denied| &denied.denial) {
            Some(denial) if denial.service.is_some() => denial.clone(),
            _ => {
                let permit = self.connection.permit();
                Denial {
                    reason,
                    service: permit.service().cloned(),
                    rule: permit.rule().cloned(),
                }
            }
        }
    }

    /// From the end of the connection to its record; gives who is still to be told of a refusal.
    pub(super) fn finish(
        &self,
        ended: Ended,
        ending: Option<Ending>,
        mut record: Record,
    ) -> Option<Untold> {
        if let Some(reason) = self.would_deny.get() {
            record.would_refuse_later(*reason);
        }
        match ended {
            Ended::Closed(by) => record.finish(&closed(by, ending)),
            Ended::Unframed => record.finish(&UNFRAMED),
            Ended::Refused(Refused {
                reason,
                asked,
                told,
            }) => {
                record.refused_later(asked);
                if let Some(denied) = self.denied.get() {
                    record.judged_by(denied.by);
                }
                record.finish(&Outcome::Denied(self.denial(reason)));
                return told.map(|(client, telling)| Untold {
                    client,
                    telling,
                    reason,
                });
            }
        }
        None
    }
}

/// A client whose request was refused, and that has to hear of it.
pub(super) struct Untold {
    client: TcpStream,
    telling: Telling,
    reason: DenyReason,
}

impl Untold {
    /// Tells it, and closes its connection.
    pub(super) async fn tell(self) {
        let words = Words::from(self.reason);
        let claim = match self.telling {
            Telling::Response => Claim::Http1 { host: None },
            Telling::Alert => Claim::Tls(Tls::default()),
            Telling::GoAway(last_stream) => {
                return say(self.client, &http::go_away(last_stream, &body(words))).await;
            }
        };
        let downstream = Downstream {
            claim,
            ..Downstream::new(self.client)
        };
        refuse(downstream, words).await;
    }
}

/// Why a request is refused that the policy admits, but not here. What is no request leads nowhere.
fn elsewhere(claim: &Claim) -> DenyReason {
    match claim {
        Claim::Malformed(reason) => *reason,
        Claim::Tls(_) | Claim::Http1 { .. } | Claim::Http2 { .. } | Claim::Opaque => {
            DenyReason::Misdirected
        }
    }
}
