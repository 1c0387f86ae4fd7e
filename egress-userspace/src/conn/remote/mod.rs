//! Callers of other nodes, who come to a listener as to an explicit proxy.
//!
//! No kernel program saw their `connect()`: who they are, their certificate or their address says, and where
//! they want to go, they say themselves. From then on they are judged, dialled and joined as all others are;
//! but nobody is led into the gateway's own network that way, unless a service lists the address.

mod dial;
mod head;
mod identity;
mod listener;
mod spiffe;
mod tls;
mod tunnel;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tracing::warn;

use crate::account::Record;
use crate::dial::{Bound, in_the_clear};
use crate::policy::SniffPlan;
use crate::sniff;
use crate::types::{
    Caller, CallerKey, Claim, ClientAddr, DenyReason, ListenerProtocol, OriginalDst, Pod,
};

pub use self::listener::{RemoteListener, Terms};

use self::identity::Identity;
use super::connection::Known;
use super::downstream::Downstream;
use super::limits::Room;
use super::stop::Stop;
use super::{Accepted, Gateway, Joining, Live, Opened, step};

/// How long a client has to take what is left for it, once its connection is over. It takes up its room meanwhile.
const LINGER: Duration = Duration::from_secs(10);

/// A connection that came to a listener.
struct Visit<'a> {
    gateway: &'a Gateway,
    at: &'a RemoteListener,
    terms: &'a Terms,
    peer: ClientAddr,
    /// Who its certificate says that it is.
    shown: Option<Arc<Pod>>,
}

impl Gateway {
    /// Serves one connection that came to a listener until it ends.
    pub async fn serve_remote(self: Arc<Self>, accepted: Accepted, at: Arc<RemoteListener>) {
        let (stream, peer) = match accepted.here() {
            Ok(here) => here,
            Err(error) => return warn!(%error, "cannot wait on a connection"),
        };
        if let Some(joined) = Box::pin(self.begin_remote(stream, peer, &at)).await {
            joined.await;
        }
    }

    /// As [`begin`](Gateway::begin).
    async fn begin_remote(
        self: Arc<Self>,
        stream: TcpStream,
        peer: ClientAddr,
        at: &RemoteListener,
    ) -> Option<Joining> {
        let mut record = self.account.open(self.next_id(), peer);
        record.comes_from(Arc::new(at.stranger(peer.ip())));
        let mut room = Room::default();
        // What a reload replaces is let go of with this function.
        let terms = at.terms();
        let arrived = tokio::select! {
            biased;
            arrived = self.arrive(stream, peer, &terms, &mut room) => arrived,
            () = self.cut.cancelled() => Err(Stop::Cut),
        };
        let (mut client, shown) = match arrived {
            Ok(arrived) => arrived,
            Err(stop) => {
                record.finish(&stop.outcome());
                return None;
            }
        };
        let visit = Visit {
            gateway: &self,
            at,
            terms: &terms,
            peer,
            shown,
        };
        let opened = tokio::select! {
            biased;
            opened = visit.open(&mut client, &mut room, &mut record) => opened,
            () = self.cut.cancelled() => Err(Stop::Cut),
        };
        self.settle(client, room, opened, record).await
    }

    /// From the accepted socket to one that speaks in the clear, and who its certificate says that it is.
    async fn arrive(
        &self,
        stream: TcpStream,
        peer: ClientAddr,
        terms: &Terms,
        room: &mut Room,
    ) -> Result<(Downstream, Option<Arc<Pod>>), Stop> {
        room.connection = Some(self.limits.connection()?);
        // One that is believed has the connections of many, and each of them has a share of its own.
        if !terms.trusts(peer.ip()) {
            room.caller = Some(self.limits.caller(CallerKey::Address(peer.ip()))?);
        }
        let Identity::MutualTls(server) = terms.identity() else {
            return Ok((Downstream::new(stream), None));
        };
        let patience = self.live.load().sniff.named.deadline;
        let (secured, pod) = server.accept(stream, patience).await?;
        let bound = Bound {
            given_up: room.bridged(),
            linger: LINGER,
        };
        let near = in_the_clear(secured.into(), &self.bridges, bound).await;
        let near = near.map_err(|error| {
            warn!(%error, "cannot end TLS");
            DenyReason::LimitConnections
        })?;
        // Until it has come to its end it closes with a reset, as accepted sockets do.
        let _ = near.set_zero_linger();
        Ok((Downstream::new(near), Some(pod)))
    }
}

impl Visit<'_> {
    /// From a client that may speak to two sockets that may be joined.
    async fn open(
        &self,
        client: &mut Downstream,
        room: &mut Room,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        match self.at.protocol() {
            ListenerProtocol::Connect => self.tunnel(client, record).await,
            ListenerProtocol::Proxy => self.forwarded(client, room, record).await,
        }
    }

    /// For a client whose PROXY header says where it wanted to go.
    async fn forwarded(
        &self,
        client: &mut Downstream,
        room: &mut Room,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        let believed = self.terms.trusts(self.peer.ip());
        // Nobody is listened to of whom nothing is known.
        let known = if believed {
            None
        } else {
            Some(self.known(record)?)
        };
        let header = self.head(client, sniff::MAX_PROXY_HEADER, |bytes, _| {
            sniff::proxy_header(bytes).map(|header| (header.length, header))
        });
        let header = header.await?;
        let caller = if let Some(caller) = known {
            caller
        } else {
            let source = header.source.ip().to_canonical();
            room.of_caller(self.gateway.limits.caller(CallerKey::Address(source))?);
            self.caller(source, None)?
        };
        let dst = OriginalDst::new(header.destination);
        record.origin(dst, Arc::clone(&caller));
        let known = self.wants(dst, caller);
        let live = self.gateway.live.load_full();
        let plan = live.policy.sniff_plan(&known.facts(&Claim::Opaque));
        step::sniff(&live, plan, &self.gateway.limits, client, record).await?;
        let speaks = !client.sent.is_empty();
        self.admit(&live, known, &client.claim, speaks, record)
            .await
    }

    /// Who the peer itself is.
    fn known(&self, record: &mut Record) -> Result<Arc<Caller>, DenyReason> {
        let caller = self.caller(self.peer.ip(), self.shown.as_ref())?;
        record.comes_from(Arc::clone(&caller));
        Ok(caller)
    }

    fn caller(&self, address: IpAddr, shown: Option<&Arc<Pod>>) -> Result<Arc<Caller>, DenyReason> {
        let caller = self.at.caller(self.terms, address, shown);
        caller.map(Arc::new).ok_or(DenyReason::UnknownPeer)
    }

    /// What is known of a caller that wants to go there.
    fn wants(&self, dst: OriginalDst, caller: Arc<Caller>) -> Known {
        Known {
            client: self.peer,
            dst,
            caller,
            learned: Box::default(),
            draw: fastrand::u32(..),
        }
    }

    /// What lets it through, and the connection that it gets.
    async fn admit(
        &self,
        live: &Live,
        known: Known,
        claim: &Claim,
        speaks: bool,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        let permit = step::decide(live, &known.facts(claim), record)?;
        let ends = known.ends(claim, speaks);
        let own_ports = self.at.own_ports();
        let (permit, upstream) = dial::dial(live, permit, &ends, own_ports, record).await?;
        Ok(Opened {
            known,
            admitted: live.admitted(permit),
            options: live.relay.bounded_by(&upstream.pool),
            upstream,
        })
    }
}

/// Whether what a client sends decides; where the server may speak first, the client is waited for all the
/// same, as long as for any first message: this has no second connection to be made meanwhile.
fn decides(plan: SniffPlan) -> bool {
    match plan {
        SniffPlan::Named | SniffPlan::Either => true,
        SniffPlan::Skip | SniffPlan::Unregistered => false,
    }
}
