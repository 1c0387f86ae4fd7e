//! A tunnel that a client asks for by `CONNECT` (RFC 9110 section 9.3.6).
//!
//! It says first where it wants to go, and speaks only when it has a tunnel. So it is judged twice: by what
//! it asks for, and then, where that matters, by what it says inside, which must not be for another name.
//! As much as can be known before is told it in HTTP: who it is, whether anything it could say would be let
//! through, whether the name resolves, and, where nothing that it says matters, whether the destination
//! answers. From the 200 on it is told in the words of what it speaks.
//!
//! A name is looked up only for who might be let through to it: lookups carry data out, too.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;

use super::super::connection::Known;
use super::super::downstream::Downstream;
use super::super::stop::Stop;
use super::super::{Live, Opened, step};
use super::{Visit, decides};
use crate::account::Record;
use crate::policy::{Target, Verdict};
use crate::sniff::{self, TunnelHost};
use crate::types::{Caller, Claim, DenyReason, HostName, OriginalDst, Tls};

/// There are no fields in it: what follows is the tunnel.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Addresses of a name that are tried against the registry: a name has seldom more than a few.
const MAX_ADDRESSES: usize = 16;

impl Visit<'_> {
    /// From the request to two sockets that may be joined.
    pub(super) async fn tunnel(
        &self,
        client: &mut Downstream,
        record: &mut Record,
    ) -> Result<Opened, Stop> {
        // It is told in HTTP until it has its tunnel.
        client.claim = Claim::Http1 { host: None };
        let caller = self.known(record)?;
        let begun = Instant::now();
        let live = self.gateway.live.load_full();
        let cap = live.sniff.named.cap;
        let asked = self.head(client, cap, |bytes, cap| {
            sniff::tunnel(bytes, cap).map(|tunnel| (tunnel.length, tunnel))
        });
        let asked = asked.await?;
        let (known, name) = match asked.host {
            TunnelHost::Address(ip) => {
                let dst = OriginalDst::new(SocketAddr::new(ip, asked.port));
                (self.wants(dst, Arc::clone(&caller)), None)
            }
            TunnelHost::Name(name) => {
                record.asked_for(&name, begun.elapsed());
                let known = self
                    .by_name(&live, &caller, &name, asked.port, record)
                    .await?;
                (known, Some(name))
            }
        };
        record.origin(known.dst, caller);
        let plan = live.policy.sniff_plan(&known.facts(&Claim::Opaque));
        if !decides(plan) {
            let opened = self
                .admit(&live, known, &Claim::Opaque, false, record)
                .await?;
            established(client).await?;
            return Ok(opened);
        }
        established(client).await?;
        step::sniff(&live, plan, &self.gateway.limits, client, record).await?;
        if let Some(name) = &name {
            agree(&live, &known, name, &mut client.claim)?;
        }
        let speaks = !client.sent.is_empty();
        self.admit(&live, known, &client.claim, speaks, record)
            .await
    }

    /// What is known of a caller that asks for a name: its destination is the first address of the name with
    /// which something that it could say would be let through.
    async fn by_name(
        &self,
        live: &Live,
        caller: &Arc<Caller>,
        name: &HostName,
        port: u16,
        record: &mut Record,
    ) -> Result<Known, Stop> {
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
                    Ok(nowhere)
                } else {
                    Err(Stop::Unreachable(error))
                };
            }
        };
        let mut first = None;
        for ip in addresses.into_iter().take(MAX_ADDRESSES) {
            let known = at(ip);
            match refused(live, &known, name) {
                None => return Ok(known),
                Some(claim) => first = first.or(Some((known, claim))),
            }
        }
        let (known, claim) = first.ok_or(DenyReason::HostNotInRegistry)?;
        record.origin(known.dst, Arc::clone(caller));
        step::decide(live, &known.facts(&claim), record)?;
        Ok(known)
    }
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

/// Of what it could say, what is denied for the reason that tells the most; `None`: something is let through.
fn refused(live: &Live, known: &Known, name: &HostName) -> Option<Claim> {
    let mut told = None;
    for claim in claims(name) {
        match live.policy.decide(&known.facts(&claim)) {
            Verdict::Permit(_) => return None,
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
    told.map(|(_, claim)| claim)
}

/// Whether something that it could say is led to what the operator lists.
fn leads_elsewhere(live: &Live, known: &Known, name: &HostName) -> bool {
    claims(name).iter().any(|claim| {
        let verdict = live.policy.decide(&known.facts(claim));
        matches!(verdict, Verdict::Permit(permit) if matches!(permit.target(), Target::Endpoints(_)))
    })
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
