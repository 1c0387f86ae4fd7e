//! The life of one connection, from accept to record.
//!
//! [`Gateway::serve`] is the whole of it: original destination → sniff → decide → dial → relay →
//! record, each stage taking what the one before made. A stage that can't go on gives a [`Stop`].
//! While it is relayed each new policy judges it again (`rejudge`).

mod accept;
mod arrivals;
mod connection;
mod connections;
mod direct;
mod downstream;
mod either;
mod identity;
mod limits;
mod live;
mod reactors;
mod refuse;
mod rejudge;
mod remote;
mod replay;
mod requests;
mod shadow;
mod step;
mod stop;
mod words;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::account::{Account, Counts, Record};
use crate::dial::{Bridges, Upstream};
use crate::dns::{self, Forwarder};
use crate::http::{Ended, Joined};
use crate::kernel::{Origin, Origins};
use crate::net::TcpStream;
use crate::pods::Identifier;
use crate::policy::SniffPlan;
use crate::relay;
use crate::types::{Caller, Claim, ClientAddr, ConnId, HostName, OriginalDst};

pub use self::accept::{Accepted, accept, accept_until};
pub use self::connection::Connection;
pub use self::connections::Connections;
pub use self::limits::{Bounds, Limits};
pub use self::live::{Live, SniffSettings};
pub use self::reactors::{Home, Reactors};
pub use self::remote::{RemoteListener, Terms, Whose};

use self::connection::{Admitted, Known};
use self::downstream::Downstream;
use self::either::either;
use self::limits::Room;
use self::refuse::refuse;
use self::requests::Judge;
use self::stop::Stop;

/// What every connection needs.
pub struct Gateway {
    /// Where accepted connections were going.
    pub origins: Origins,
    /// Where records go.
    pub account: Account,
    /// What bounds them.
    pub limits: Limits,
    /// Those that are joined.
    pub connections: Connections,
    /// Cuts what has not ended.
    pub cut: CancellationToken,
    /// Where TLS is spoken for connections.
    pub bridges: Bridges,
    /// What a reload replaces, in one piece.
    pub live: ArcSwap<Live>,
    /// Answers what is asked of DNS servers, and knows which names it gave.
    pub dns: Arc<Forwarder>,
    /// Tells which pod a caller is in; `None`: there is no cluster.
    pub identifier: Option<Arc<Identifier>>,
    /// Connections accepted so far.
    pub accepted: AtomicU64,
}

/// What is left of a connection when it is known what becomes of it.
type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that may be joined.
struct Opened {
    known: Known,
    admitted: Admitted,
    upstream: Upstream,
    options: Arc<relay::Options>,
}

impl Gateway {
    /// Serves one accepted connection until it ends.
    ///
    /// What goes before the relay is on the heap and let go of then: a connection that lasts holds only
    /// what it lasts by.
    pub async fn serve(self: Arc<Self>, accepted: Accepted) {
        let (stream, peer) = match accepted.here() {
            Ok(here) => here,
            Err(error) => return warn!(%error, "cannot wait on a connection"),
        };
        Box::pin(self.begin(stream, peer)).await.await;
    }

    /// From the accepted socket to two that may be joined, or to why not.
    async fn begin(self: Arc<Self>, stream: TcpStream, peer: ClientAddr) -> Rest {
        let mut record = self.account.open(self.next_id(), peer);
        let mut client = Downstream::new(stream);
        let mut room = Room::default();
        let opened = tokio::select! {
            biased;
            opened = self.open(peer, &mut client, &mut room, &mut record) => opened,
            () = self.cut.cancelled() => Err(Stop::Cut),
        };
        self.settle(client, room, opened, record)
    }

    /// What is left: to join what may be joined, or to tell the client why not.
    fn settle(
        self: Arc<Self>,
        client: Downstream,
        room: Room,
        opened: Result<Opened, Stop>,
        record: Record,
    ) -> Rest {
        match opened {
            Ok(opened) => Box::pin(self.join(client, room, opened, record)),
            Err(stop) => Box::pin(stopped(client, room, stop, record)),
        }
    }

    /// From the accepted socket to the connected one.
    ///
    /// What a reload replaces is let go here: a connection that lasts must not keep an old policy.
    async fn open(
        &self,
        peer: ClientAddr,
        client: &mut Downstream,
        room: &mut Room,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        let Origin { dst, mut caller } = step::origin(&self.origins, client)?;
        let unknown = self.look_up(&mut caller);
        let mut caller = identity::shared(caller);
        record.origin(dst, Arc::clone(&caller));
        room.connection = Some(self.limits.connection()?);
        room.caller = Some(self.limits.caller(caller.key())?);
        if let Some(unknown) = unknown {
            caller = Box::pin(self.wait_for_pod(caller, unknown)).await;
            record.origin(dst, Arc::clone(&caller));
        }
        if dst.port() == dns::PORT && self.dns.is_on() {
            return Err(step::answer(&self.dns, client, peer, dst, &caller, record).await);
        }
        let known = Known {
            client: peer,
            dst,
            learned: self.learned(&caller, dst),
            caller,
            draw: fastrand::u32(..),
        };
        let live = self.live.load_full();
        let (permit, upstream) = match live.policy.sniff_plan(&known.facts(&Claim::Opaque)) {
            SniffPlan::Either => {
                Box::pin(either(&live, &self.limits, &known, client, record)).await?
            }
            plan => {
                // What goes before the relay is in two places of at most 1 KiB each, of which the allocator has some at
                // hand; one as large as both would be looked for.
                let named = step::by_name(&live, plan, &self.limits, &known, client, record);
                Box::pin(named).await?
            }
        };
        Ok(Opened {
            known,
            admitted: live.admitted(permit),
            options: live.relay.bounded_by(&upstream.pool),
            upstream,
        })
    }

    /// From two connected sockets to the record.
    fn join(
        self: Arc<Self>,
        client: Downstream,
        room: Room,
        opened: Opened,
        mut record: Record,
    ) -> impl Future<Output = ()> + Send + use<> {
        let Opened {
            known,
            admitted,
            upstream,
            options,
        } = opened;
        let connection = Connection::new(record.id(), known, client.claim, admitted, upstream.addr);
        let connection = Arc::new(connection);
        record.counted_by(Arc::clone(&connection) as Arc<dyn Counts>);
        // What an async block is given and passes on it has room for twice, for as long as it lives: so
        // what is large is in a place of its own until it is passed on.
        let joined = Box::new(Joined {
            client: client.stream,
            first: client.sent,
            upstream: upstream.stream,
        });
        // Room among the service's connections is held for as long as bytes may move.
        let lease = upstream.lease;
        async move {
            let listed = self.enlist(&connection);
            let judge = Judge::new(&self.live, &connection);
            let mut told = connection.told_to_end();
            // Before its first byte goes out: a policy that came while it was dialled may forbid it.
            let mut ending = (&mut told).now_or_never();
            let ended = if ending.is_some() {
                Ended::Closed(stop::reset([&joined.client, &joined.upstream]))
            } else {
                let told = poll_fn(|cx| told.poll_unpin(cx).map(|end| ending = Some(end)));
                judge.join(*joined, &options, told).await
            };
            // No byte moves any more, but for what the client is told.
            drop((listed, lease));
            let untold = judge.finish(ended, ending, record);
            if let Some(untold) = untold {
                Box::pin(untold.tell()).await;
            }
            drop(room);
        }
    }

    /// Resets a connection that comes when no more are taken.
    pub fn turn_away(&self, accepted: Accepted) {
        let Ok((stream, peer)) = accepted.here() else {
            return;
        };
        let mut record = self.account.open(self.next_id(), peer);
        let client = Downstream::new(stream);
        if let Ok(Origin { dst, mut caller }) = step::origin(&self.origins, &client) {
            // What is not known now is not waited for.
            let _ = self.look_up(&mut caller);
            record.origin(dst, Arc::new(caller));
        }
        record.finish(&Stop::Draining.outcome());
        client.reset();
    }

    /// Has the metrics know what live connections have moved until now.
    pub fn tell_traffic(&self) {
        for connection in self.connections.all() {
            let untold = connection.counted().untold;
            let caller = connection.caller();
            let service = connection.service();
            self.account
                .moved(&caller, service, connection.claim(), untold);
        }
    }

    /// The names that a caller was told for a destination.
    fn learned(&self, caller: &Caller, dst: OriginalDst) -> Box<[HostName]> {
        self.dns.learned().names(caller.cgroup, dst.ip()).into()
    }

    /// How many connections have been accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    fn next_id(&self) -> ConnId {
        ConnId(self.accepted.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Records a connection that is not joined, and tells its client why. It keeps its room until the client has been told: one
/// that does not take its answer is a connection.
async fn stopped(client: Downstream, room: Room, stop: Stop, record: Record) {
    record.finish(&stop.outcome());
    match (stop.words(), stop) {
        (Some(words), _) => Box::pin(refuse(client, words)).await,
        (None, Stop::Answered) => drop(client),
        (None, _) => client.reset(),
    }
    drop(room);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection may take for as long as it lasts: the least that they are now, so that what makes
    /// them larger is seen.
    const JOINED: usize = 760;
    const CONNECTION: usize = 464;

    /// How large a future is that a function gives.
    fn size<A, B, C, D, E, F>(_: fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_lasts_is_small() {
        let joined = size(Gateway::join);
        let connection = size_of::<Connection>();
        let sizes = format!("{joined} bytes, and {connection}");
        assert!(joined <= JOINED && connection <= CONNECTION, "{sizes}");
    }
}
