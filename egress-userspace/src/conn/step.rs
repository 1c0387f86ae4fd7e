//! The stages between accept and relay, each with its entry in the record.

use std::time::Instant;

use tracing::{debug, error};

use crate::account::{Admission, Record};
use crate::dial::{DialError, Dialer, Ends, Upstream};
use crate::dns::Forwarder;
use crate::kernel::{Origin, Origins};
use crate::policy::{Facts, Permit, SniffPlan, Verdict};
use crate::sniff;
use crate::types::{Caller, Claim, ClientAddr, DenyReason, OriginalDst};

use super::connection::Known;
use super::downstream::Downstream;
use super::limits::Limits;
use super::stop::Stop;
use super::{Live, shadow};

/// Looks up where the client was going. Without a record it did not come through the programs, and
/// nobody knows what it may do.
pub(super) fn origin(origins: &Origins, client: &Downstream) -> Result<Origin, Stop> {
    match origins.of(&client.stream) {
        Ok(Some(origin)) => Ok(origin),
        Ok(None) => Err(DenyReason::UnknownOrigin.into()),
        Err(error) => {
            error!(%error, "cannot read where a connection was going");
            Err(DenyReason::UnknownOrigin.into())
        }
    }
}

/// Answers what the client asks of a DNS server.
pub(super) async fn answer(
    forwarder: &Forwarder,
    client: &mut Downstream,
    peer: ClientAddr,
    server: OriginalDst,
    caller: &Caller,
    record: &mut Record,
) -> Stop {
    record.permitted(Admission::default());
    client.ends_in_order();
    Box::pin(forwarder.serve(&mut client.stream, peer, server, caller)).await;
    Stop::Answered
}

/// Sniff → decide → dial.
pub(super) async fn by_name(
    live: &Live,
    plan: SniffPlan,
    limits: &Limits,
    known: &Known,
    client: &mut Downstream,
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    sniff(live, plan, limits, client, record).await?;
    let permit = decide(live, &known.facts(&client.claim), record)?;
    let ends = known.ends(&client.claim, !client.sent.is_empty());
    let error = match live.dialer.dial(&permit, &ends).await {
        Ok(upstream) => return Ok(arrived(permit, upstream, record)),
        Err(error) => error,
    };
    // On the heap, so that a dial that succeeds has no room for it.
    Box::pin(failed(error, &live.dialer, permit, &ends, record)).await
}

/// Reads what the client says it wants, where that can matter.
pub(super) async fn sniff(
    live: &Live,
    plan: SniffPlan,
    limits: &Limits,
    client: &mut Downstream,
    record: &mut Record,
) -> Result<(), Stop> {
    let Some(bounds) = live.sniff.bounds(plan) else {
        return Ok(());
    };
    let memory = limits.sniff_memory(bounds.max_buffered())?;
    let begun = Instant::now();
    let read = client
        .at_hand(bounds.max_buffered())
        .map_err(|_| Stop::ClientGone)?;
    // A client that speaks first has mostly said it all by now: only others take what waiting takes, and are looked at
    // once more.
    let sniffed = match sniff::at_once(read, &bounds) {
        Ok(sniffed) => sniffed,
        Err(read) => Box::pin(sniff::sniff_on(read, &mut client.stream, &bounds))
            .await
            .map_err(|_| Stop::ClientGone)?,
    };
    client.claim = match (plan, sniffed.ended, sniffed.claim) {
        // Silence is no claim, but where a name was needed the log should say what was missing.
        (SniffPlan::Named, sniff::Ended::TimedOut, Claim::Opaque) => {
            Claim::Malformed(DenyReason::SniffTimeout)
        }
        (_, _, claim) => claim,
    };
    client.sent = memory.lend(sniffed.buffered);
    record.sniffed(&client.claim, begun.elapsed());
    Ok(())
}

/// Asks the policy, and the shadow policy for its opinion.
pub(super) fn decide(live: &Live, facts: &Facts<'_>, record: &mut Record) -> Result<Permit, Stop> {
    record.judged_by(live.policy.generation());
    let verdict = live.policy.decide(facts);
    let unregistered = match &verdict {
        Verdict::Permit(permit) => permit.service().is_none(),
        Verdict::Deny(_) => true,
    };
    if unregistered && facts.claim.name().is_none() {
        record.learned(facts.learned);
    }
    shadow::judge(live, facts, &verdict, record);
    permitted(verdict, record)
}

/// What came of dialling where the permit leads.
pub(super) async fn connected(
    dialled: Result<Upstream, DialError>,
    dialer: &Dialer,
    permit: Permit,
    ends: &Ends<'_>,
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    match dialled {
        Ok(upstream) => Ok(arrived(permit, upstream, record)),
        Err(error) => failed(error, dialer, permit, ends, record).await,
    }
}

/// Of an upstream that cannot be dialled. In audit mode an answer that the guard refuses is let through to where the
/// client was going, and recorded.
async fn failed(
    error: DialError,
    dialer: &Dialer,
    permit: Permit,
    ends: &Ends<'_>,
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    let Some(reason) = error.denial() else {
        return Err(Stop::Unreachable(error));
    };
    debug!(%error, "refused");
    let permit = permitted(permit.refuse(reason, ends.dst), record)?;
    let dialled = Box::pin(dialer.dial(&permit, ends)).await;
    let upstream = dialled.map_err(Stop::Unreachable)?;
    Ok(arrived(permit, upstream, record))
}

fn arrived(permit: Permit, upstream: Upstream, record: &mut Record) -> (Permit, Upstream) {
    if upstream.redialled {
        record.redialled();
    }
    record.connected(upstream.addr, upstream.resolve_time, upstream.connect_time);
    (permit, upstream)
}

fn permitted(verdict: Verdict, record: &mut Record) -> Result<Permit, Stop> {
    match verdict {
        Verdict::Permit(permit) => {
            record.permitted((&permit).into());
            Ok(permit)
        }
        Verdict::Deny(denial) => Err(Stop::Denied(denial)),
    }
}
