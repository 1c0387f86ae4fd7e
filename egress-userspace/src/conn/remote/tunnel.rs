//! A tunnel that a client asks for by `CONNECT` (RFC 9110 section 9.3.6).
//!
//! It says first where it wants to go, and speaks only when it has a tunnel. So it is judged twice: by what
//! it asks for, and then, where that matters, by what it says inside, which must not be for another name.
//! As much as can be known before is told it in HTTP: who it is, whether anything it could say would be let
//! through, whether the name resolves, and, where nothing that it says matters, whether the destination
//! answers. From the 200 on it is told in the words of what it speaks.
//!
//! A name is looked up only for who might be let through to it: lookups carry data out, too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;

use super::super::connection::Known;
use super::super::downstream::Downstream;
use super::super::stop::Stop;
use super::super::{Live, Opened, step};
use super::dial::leads;
use super::{Visit, Wanted, decides};
use crate::account::Record;
use crate::dns;
use crate::policy::{Permit, Policy, Target, Verdict};
use crate::sniff::{self, TunnelHost};
use crate::types::{Caller, Claim, DenyReason, HostName, OriginalDst, Tls};

/// There are no fields in it: what follows is the tunnel.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Addresses of a name that are tried against the registry: a name has seldom more than a few.
const MAX_ADDRESSES: usize = 16;
/// Of those that will do, how many are tried after the first does not answer: each may take as long as connecting
/// may.
const MORE_TRIES: usize = 2;

impl Visit<'_> {
    /// From the request to two sockets that may be joined.
    pub(super) async fn tunnel(
        &self,
        client: &mut Downstream,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        // Nobody is believed here: no header says who somebody is.
        let caller = self.caller.clone().ok_or(DenyReason::UnknownPeer)?;
        let begun = Instant::now();
        let cap = self.gateway.live.load().sniff.named.cap;
        let asked = self.head(client, cap, |bytes, cap| {
            sniff::tunnel(bytes, cap).map(|tunnel| (tunnel.length, tunnel))
        });
        let asked = asked.await?;
        let live = self.gateway.live.load_full();
        self.asks_no_resolver(asked.port)?;
        let (wanted, name) = match asked.host {
            TunnelHost::Address(ip) => {
                let dst = OriginalDst::new(SocketAddr::new(ip, asked.port));
                (Wanted::alone(self.wants(dst, Arc::clone(&caller))), None)
            }
            TunnelHost::Name(name) => {
                record.asked_for(&name, begun.elapsed());
                let wanted = self
                    .by_name(&live, &caller, &name, asked.port, record)
                    .await?;
                (wanted, Some(name))
            }
        };
        record.origin(wanted.known.dst, caller);
        let plan = live.policy.sniff_plan(&wanted.known.facts(&Claim::Opaque));
        if !decides(plan) {
            let opened = self
                .admit(&live, wanted, &Claim::Opaque, false, record)
                .await?;
            established(client).await?;
            return Ok(opened);
        }
        established(client).await?;
        step::sniff(&live, plan, &self.gateway.limits, client, record).await?;
        if let Some(name) = &name {
            agree(&live, &wanted.known, name, &mut client.claim)?;
        }
        let speaks = !client.sent.is_empty();
        self.admit(&live, wanted, &client.claim, speaks, record)
            .await
    }

    /// What is known of a caller that asks for a name: its destination is an address of the name with which something
    /// that it could say would be let through.
    async fn by_name(
        &self,
        live: &Live,
        caller: &Arc<Caller>,
        name: &HostName,
        port: u16,
        record: &mut Record,
    ) -> Result<Wanted, Stop> {
        record.judged_by(live.policy.generation());
        if let Err(denial) = live.policy.resolves(name, caller) {
            return Err(Stop::Denied(denial));
        }
        let at = |ip| {
            let dst = OriginalDst::new(SocketAddr::new(ip, port));
            Known {
                learned: Box::from([name.clone()]),
                ..self.wants(dst, Arc::clone(caller))
            }
        };
        let addresses = match live.dialer.addresses(name).await {
            Ok(addresses) => addresses,
            Err(error) => {
                // A service that says itself where it is needs no address of the name.
                let nowhere = at(IpAddr::from(Ipv4Addr::UNSPECIFIED));
                return if leads_elsewhere(live, &nowhere, name) {
                    Ok(by_itself(nowhere, Vec::new()))
                } else {
                    Err(Stop::Unreachable(error))
                };
            }
        };
        let leads = |permit: &Permit| leads(permit, self.at.own_ports());
        let mut first = None;
        let mut let_through = Vec::new();
        let mut guarded = None;
        for ip in in_turn(addresses, has_way) {
            let known = at(ip);
            match outlook(&live.policy, &known, name, leads) {
                Outlook::LetThrough => let_through.push(known),
                // Dialling says why not.
                Outlook::Guarded => guarded = guarded.or(Some(known)),
                Outlook::Refused(claim) => first = first.or(Some((known, claim))),
            }
            if let_through.len() > MORE_TRIES {
                break;
            }
        }
        let mut let_through = let_through.into_iter();
        if let Some(known) = let_through.next() {
            return Ok(by_itself(known, let_through.collect()));
        }
        if let Some(known) = guarded {
            return Ok(by_itself(known, Vec::new()));
        }
        let (known, claim) = first.ok_or(DenyReason::HostNotInRegistry)?;
        record.origin(known.dst, Arc::clone(caller));
        step::decide(live, &known.facts(&claim), record)?;
        Ok(by_itself(known, Vec::new()))
    }
}

/// A name was asked for, and any of its addresses will do.
fn by_itself(known: Known, others: Vec<Known>) -> Wanted {
    Wanted {
        known,
        pinned: false,
        others,
    }
}

/// The addresses of a name in the order in which they are tried: the families by turns, and last those that this
/// node has no way to (RFC 6724 section 6, rule 1; RFC 8305 section 4).
fn in_turn(addresses: Vec<IpAddr>, has_way: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut turns = Vec::new();
    while turns.len() < MAX_ADDRESSES {
        let pair = [v6.next(), v4.next()];
        if pair.iter().all(Option::is_none) {
            break;
        }
        turns.extend(pair.into_iter().flatten());
    }
    turns.truncate(MAX_ADDRESSES);
    turns.sort_by_cached_key(|ip| !has_way(*ip));
    turns
}

/// Whether this node has a route there. Nothing is sent.
fn has_way(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0));
    socket.is_ok_and(|socket| socket.connect((ip, dns::PORT)).is_ok())
}

/// Whether a policy lets a caller still have a tunnel that it asked for by `name`.
pub(in crate::conn) fn still_leads(policy: &Policy, known: &Known, name: &HostName) -> bool {
    let outlook = || outlook(policy, known, name, |_| true);
    policy.resolves(name, &known.caller).is_ok() && matches!(outlook(), Outlook::LetThrough)
}

/// Tells the client that its tunnel is there.
async fn established(client: &mut Downstream) -> Result<(), Stop> {
    client.claim = Claim::Opaque;
    let written = client.stream.write_all(ESTABLISHED).await;
    written.map_err(|_| Stop::ClientGone)
}

/// What a client that asks for `name` could say inside.
fn claims(name: &HostName) -> [Claim; 4] {
    let name = || Some(name.clone());
    [
        Claim::Tls(Tls {
            sni: name(),
            ..Tls::default()
        }),
        Claim::Http1 { host: name() },
        Claim::Http2 { authority: name() },
        Claim::Opaque,
    ]
}

/// What becomes of what a client could say in a tunnel.
enum Outlook {
    /// Something is let through, and leads somewhere.
    LetThrough,
    /// Something is let through, and leads nowhere.
    Guarded,
    /// Nothing is let through: what is denied for the reason that tells the most.
    Refused(Claim),
}

fn outlook(
    policy: &Policy,
    known: &Known,
    name: &HostName,
    leads: impl Fn(&Permit) -> bool,
) -> Outlook {
    let mut told = None;
    let mut is_guarded = false;
    for claim in claims(name) {
        match policy.decide(&known.facts(&claim)) {
            Verdict::Permit(permit) if leads(&permit) => return Outlook::LetThrough,
            Verdict::Permit(_) => is_guarded = true,
            Verdict::Deny(denial) => {
                let is_of_claim = matches!(
                    denial.reason,
                    DenyReason::ProtocolMismatch | DenyReason::NoName
                );
                if told
                    .as_ref()
                    .is_none_or(|(of_claim, _)| *of_claim && !is_of_claim)
                {
                    told = Some((is_of_claim, claim));
                }
            }
        }
    }
    match told {
        Some((_, claim)) if !is_guarded => Outlook::Refused(claim),
        Some(_) | None => Outlook::Guarded,
    }
}

/// Whether something that it could say is led to what the operator lists.
fn leads_elsewhere(live: &Live, known: &Known, name: &HostName) -> bool {
    let is_listed = |permit: &Permit| matches!(permit.target(), Target::Endpoints(_));
    let outlook = outlook(&live.policy, known, name, is_listed);
    matches!(outlook, Outlook::LetThrough)
}

/// What is said inside must not be for another name than the tunnel. In audit mode it may, and is judged as
/// what breaks the rules.
fn agree(live: &Live, known: &Known, name: &HostName, claim: &mut Claim) -> Result<(), Stop> {
    if claim.name().is_none_or(|inner| inner == name) {
        return Ok(());
    }
    let broken = Claim::Malformed(DenyReason::HostSniMismatch);
    match live.policy.decide(&known.facts(&broken)) {
        Verdict::Permit(permit) if permit.would_deny().is_some() => {
            *claim = broken;
            Ok(())
        }
        Verdict::Permit(_) | Verdict::Deny(_) => Err(DenyReason::HostSniMismatch.into()),
    }
}

#[cfg(test)]
mod tests;
