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
mod whose;

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::account::Record;
use crate::dial::{Bound, in_the_clear};
use crate::dns;
use crate::net::TcpStream;
use crate::policy::{Permit, SniffPlan, Target, Verdict};
use crate::sniff;
use crate::types::{
    Caller, CallerKey, Claim, ClientAddr, DenyReason, ListenerProtocol, OriginalDst,
};

pub(super) use self::dial::still_allows;
pub use self::listener::{RemoteListener, Terms};
pub(super) use self::tunnel::still_leads;
pub use self::whose::Whose;

use self::identity::Identity;
use super::connection::Known;
use super::downstream::Downstream;
use super::limits::Room;
use super::stop::Stop;
use super::{Accepted, Gateway, Live, Opened, Rest, step};

/// How long a client has to take what is left for it, once its connection is over. It takes up its room meanwhile.
const LINGER: Duration = Duration::from_secs(10);

/// A connection that came to a listener.
struct Visit<'a> {
    gateway: &'a Gateway,
    at: &'a RemoteListener,
    terms: &'a Terms,
    peer: ClientAddr,
    /// Who it is; `None`: one that is believed about who it speaks for.
    caller: Option<Arc<Caller>>,
}

/// Why one that arrived does not go on, and its socket if it is to be told.
struct Parted(Stop, Option<Downstream>);

impl From<Stop> for Parted {
    fn from(stop: Stop) -> Self {
        Self(stop, None)
    }
}

impl From<DenyReason> for Parted {
    fn from(reason: DenyReason) -> Self {
        Stop::from(reason).into()
    }
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

    /// As [`begin`](Gateway::begin); `None`: it is over.
    async fn begin_remote(
        self: Arc<Self>,
        stream: TcpStream,
        peer: ClientAddr,
        at: &RemoteListener,
    ) -> Option<Rest> {
        let mut record = self.account.open(self.next_id(), peer);
        record.comes_from(Arc::new(at.stranger(peer.ip())));
        // Held to the end of a refusal too.
        let stranger = match at.stranger_room(peer.ip()) {
            Ok(room) => room,
            Err(reason) => {
                record.finish(&Stop::from(reason).outcome());
                return None;
            }
        };
        let mut room = Room::default();
        // What a reload replaces is let go of with this function.
        let terms = at.terms();
        let arrived = tokio::select! {
            biased;
            arrived = self.arrive(stream, peer, at, &terms, &mut room) => arrived,
            () = self.cut.cancelled() => Err(Stop::Cut.into()),
        };
        let (mut client, caller) = match arrived {
            Ok(arrived) => arrived,
            Err(Parted(stop, Some(client))) => {
                self.settle(client, room, Err(stop), record).await;
                return None;
            }
            Err(Parted(stop, None)) => {
                record.finish(&stop.outcome());
                return None;
            }
        };
        drop(stranger);
        if let Some(caller) = &caller {
            record.comes_from(Arc::clone(caller));
        }
        let visit = Visit {
            gateway: &self,
            at,
            terms: &terms,
            peer,
            caller,
        };
        let opened = tokio::select! {
            biased;
            opened = visit.open(&mut client, &mut room, &mut record) => opened,
            () = self.cut.cancelled() => Err(Stop::Cut),
        };
        Some(self.settle(client, room, opened, record))
    }

    /// From the accepted socket to one that speaks in the clear and has its room, and who it is; `None`: one that is
    /// believed about that.
    async fn arrive(
        &self,
        stream: TcpStream,
        peer: ClientAddr,
        at: &RemoteListener,
        terms: &Terms,
        room: &mut Room,
    ) -> Result<(Downstream, Option<Arc<Caller>>), Parted> {
        let believed = terms.trusts(peer.ip());
        let secured = match terms.identity() {
            Identity::Address => Err(stream),
            Identity::MutualTls(server) => {
                let patience = self.live.load().sniff.named.deadline;
                Ok(server.accept(stream, patience).await?)
            }
        };
        let caller = match &secured {
            _ if believed => Ok(None),
            Err(_) => {
                let caller = at.by_address(terms, peer.ip()).await;
                caller.map(Some).ok_or(DenyReason::UnknownPeer)
            }
            Ok((_, shown)) => Ok(Some(at.by_certificate(peer.ip(), shown))),
        };
        let taken = caller.and_then(|caller| {
            room.connection = Some(self.limits.connection()?);
            // One that is believed has the connections of many, and each of them has a share of its own.
            if let Some(caller) = &caller {
                room.caller = Some(self.limits.caller(caller.key())?);
            }
            Ok(caller.map(Arc::new))
        });
        let client = match secured {
            Err(stream) => stream,
            Ok((secured, _)) => {
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
                near
            }
        };
        let claim = match at.protocol() {
            // It is told in HTTP until it has its tunnel.
            ListenerProtocol::Connect => Claim::Http1 { host: None },
            ListenerProtocol::Proxy => Claim::Opaque,
        };
        let client = Downstream {
            claim,
            ..Downstream::new(client)
        };
        match taken {
            Ok(caller) => Ok((client, caller)),
            Err(reason) => Err(Parted(reason.into(), Some(client))),
        }
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
        let header = self.head(client, sniff::MAX_PROXY_HEADER, |bytes, _| {
            sniff::proxy_header(bytes).map(|header| (header.length, header))
        });
        let header = header.await?;
        let caller = if let Some(caller) = &self.caller {
            Arc::clone(caller)
        } else {
            let source = header.source.ip().to_canonical();
            room.of_caller(self.gateway.limits.caller(CallerKey::Address(source))?);
            let caller = self.at.by_address(self.terms, source).await;
            caller.map(Arc::new).ok_or(DenyReason::UnknownPeer)?
        };
        let dst = OriginalDst::new(header.destination);
        record.origin(dst, Arc::clone(&caller));
        self.asks_no_resolver(dst.port())?;
        let known = self.wants(dst, caller);
        let live = self.gateway.live.load_full();
        let plan = live.policy.sniff_plan(&known.facts(&Claim::Opaque));
        step::sniff(&live, plan, &self.gateway.limits, client, record).await?;
        let speaks = !client.sent.is_empty();
        let wanted = Wanted::alone(known);
        self.admit(&live, wanted, &client.claim, speaks, record)
            .await
    }

    /// While the gateway judges what is asked of DNS servers, nothing goes to them unjudged; and it answers those of
    /// its own node alone.
    fn asks_no_resolver(&self, port: u16) -> Result<(), DenyReason> {
        if port == dns::PORT && self.gateway.dns.is_on() {
            Err(DenyReason::ResolverNotApproved)
        } else {
            Ok(())
        }
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
        wanted: Wanted,
        claim: &Claim,
        speaks: bool,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        let Wanted {
            mut known,
            pinned,
            others,
        } = wanted;
        let mut others = others.into_iter();
        let mut permit = step::decide(live, &known.facts(claim), record)?;
        loop {
            let ends = known.ends(claim, speaks);
            let own_ports = self.at.own_ports();
            let service = permit.service().cloned();
            let at_it = is_of_destination(&permit);
            let dialled = dial::dial(live, permit, &ends, own_ports, pinned, record).await;
            let stop = match dialled {
                Ok((permit, upstream)) => {
                    return Ok(Opened {
                        known,
                        admitted: live.admitted(permit),
                        options: live.relay.bounded_by(&upstream.pool),
                        upstream,
                    });
                }
                Err(stop) => stop,
            };
            if !at_it || !matches!(stop, Stop::Unreachable(_)) {
                return Err(stop);
            }
            // Another address of the name, if the same lets it through there.
            let next = others.find_map(|other| match live.policy.decide(&other.facts(claim)) {
                Verdict::Permit(permit)
                    if permit.service() == service.as_ref()
                        && is_of_destination(&permit)
                        && permit.would_deny().is_none() =>
                {
                    Some((other, permit))
                }
                Verdict::Permit(_) | Verdict::Deny(_) => None,
            });
            let Some((other, next)) = next else {
                return Err(stop);
            };
            record.origin(other.dst, Arc::clone(&other.caller));
            (known, permit) = (other, next);
        }
    }
}

/// Where a caller wants to go.
struct Wanted {
    known: Known,
    /// It chose the address itself.
    pinned: bool,
    /// The same with other addresses of the name that it asked for, tried where the one before does not answer.
    others: Vec<Known>,
}

impl Wanted {
    fn alone(known: Known) -> Self {
        Self {
            known,
            pinned: true,
            others: Vec::new(),
        }
    }
}

/// Whether the destination itself is dialled, and nothing else.
fn is_of_destination(permit: &Permit) -> bool {
    matches!(permit.target(), Target::Address(_) | Target::Answer { .. })
}

/// Whether what a client sends decides; where the server may speak first, the client is waited for all the
/// same, as long as for any first message: this has no second connection to be made meanwhile.
fn decides(plan: SniffPlan) -> bool {
    match plan {
        SniffPlan::Named | SniffPlan::Either => true,
        SniffPlan::Skip | SniffPlan::Unregistered => false,
    }
}
