//! The life of one connection, from accept to record.
//!
//! [`Gateway::serve`] is the whole of it: original destination → sniff → decide → dial → relay →
//! record, each stage taking what the one before made. A stage that can't go on gives a [`Stop`].

mod accept;
mod downstream;
mod limits;
mod refuse;
mod replay;
mod step;
mod stop;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::account::{Account, Outcome, Record, Traffic};
use crate::dial::{Dialer, Upstream};
use crate::kernel::{Decision, Origin, Origins, Ruling};
use crate::policy::{Facts, Policy, SniffPlan, Verdict};
use crate::relay::{self, Counters, relay};
use crate::sniff;
use crate::types::{Claim, ClientAddr, ConnId};

pub use self::accept::accept;
pub use self::limits::{Bounds, Limits};

use self::downstream::Downstream;
use self::limits::Room;
use self::refuse::refuse;
use self::stop::Stop;

/// What every connection needs.
pub struct Gateway {
    /// Where accepted connections were going.
    pub origins: Origins,
    /// Where records go.
    pub account: Account,
    /// What bounds them.
    pub limits: Limits,
    /// Cuts what has not ended.
    pub cut: CancellationToken,
    /// What a reload replaces, in one piece.
    pub live: ArcSwap<Live>,
    /// Connections accepted so far.
    pub accepted: AtomicU64,
}

/// What a reload replaces. A connection keeps to the one that it began with.
pub struct Live {
    /// Who may go where.
    pub policy: Policy,
    /// How names are resolved and connections made.
    pub dialer: Arc<Dialer>,
    /// How much of a first message is read, and for how long.
    pub sniff: SniffSettings,
    /// How bytes are moved.
    pub relay: relay::Options,
}

/// How first messages are read.
#[derive(Clone, Copy, Debug)]
pub struct SniffSettings {
    /// On a port whose services want a name.
    pub named: sniff::Limits,
    /// On a port that no service has.
    pub unregistered: Duration,
}

impl SniffSettings {
    /// What holds for a connection; `None`: its first message is not read.
    fn bounds(&self, plan: SniffPlan) -> Option<sniff::Limits> {
        match plan {
            SniffPlan::Skip => None,
            SniffPlan::Named => Some(self.named),
            SniffPlan::Unregistered => Some(sniff::Limits {
                deadline: self.unregistered,
                ..self.named
            }),
        }
    }
}

impl Gateway {
    /// Serves one accepted connection until it ends.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: ClientAddr) {
        let mut record = self.account.open(self.next_id(), peer);
        let mut client = Downstream::new(stream);
        // Held to the end of a refusal too: a client that does not take its answer is a connection.
        let mut room = Room::default();
        let opened = tokio::select! {
            biased;
            opened = self.open(&mut client, &mut room, &mut record) => opened,
            () = self.cut.cancelled() => Err(Stop::Cut),
        };
        match opened {
            Ok((upstream, options)) => self.join(client, upstream, &options, record).await,
            Err(stop) => {
                record.finish(&stop.outcome());
                match stop.words() {
                    Some(words) => refuse(client, words).await,
                    None => client.reset(),
                }
            }
        }
    }

    /// From the accepted socket to the connected one.
    ///
    /// What a reload replaces is let go here: a connection that lasts must not keep an old policy.
    async fn open(
        &self,
        client: &mut Downstream,
        room: &mut Room,
        record: &mut Record,
    ) -> Result<(Upstream, relay::Options), Stop> {
        room.connection = Some(self.limits.connection()?);
        let Origin { dst, caller } = step::origin(&self.origins, client)?;
        let caller = Arc::new(caller);
        record.origin(dst, Arc::clone(&caller));
        room.caller = Some(self.limits.caller(caller.cgroup)?);
        let live = self.live.load_full();
        step::sniff(&live, &self.limits, dst, client, record).await?;
        let facts = Facts {
            dst,
            claim: &client.claim,
            caller: &caller,
            learned: &[],
            draw: 0,
        };
        let permit = step::decide(&live.policy, &facts, record)?;
        let upstream = step::dial(&live.dialer, permit, dst, record).await?;
        Ok((upstream, live.relay.clone()))
    }

    /// From two connected sockets to the record.
    async fn join(
        &self,
        client: Downstream,
        upstream: Upstream,
        options: &relay::Options,
        mut record: Record,
    ) {
        let counters = Arc::new(Counters::default());
        record.counted_by({
            let counters = Arc::clone(&counters);
            move || Traffic {
                from_client: counters.sent(),
                from_upstream: counters.received(),
            }
        });
        let cut = self.cut.cancelled();
        let ended = relay(
            client.stream,
            upstream.stream,
            client.sent,
            options,
            &counters,
            cut,
        )
        .await;
        record.finish(&stop::closed(ended.by));
    }

    /// Records what the kernel side decided by itself. Which service a connection was let through for is
    /// the policy's to say: the kernel knows only addresses.
    pub fn record_decision(&self, decision: Decision) {
        let Decision {
            ruling,
            origin: Origin { dst, caller },
        } = decision;
        let caller = Arc::new(caller);
        let mut record = self
            .account
            .of_kernel(self.next_id(), dst, Arc::clone(&caller));
        let outcome = match ruling {
            Ruling::Passed => {
                let policy = &self.live.load().policy;
                record.judged_by(policy.generation());
                let facts = Facts {
                    dst,
                    claim: &Claim::Opaque,
                    caller: &caller,
                    learned: &[],
                    draw: 0,
                };
                if let Verdict::Permit(permit) = policy.decide(&facts) {
                    record.permitted(permit.service().cloned(), None);
                }
                Outcome::Direct
            }
            Ruling::Tolerated(reason) => {
                record.permitted(None, Some(reason));
                Outcome::Direct
            }
            Ruling::Refused(reason) => Outcome::Denied {
                reason,
                service: None,
            },
        };
        record.finish(&outcome);
    }

    fn next_id(&self) -> ConnId {
        ConnId(self.accepted.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
