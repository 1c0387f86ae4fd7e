//! The stages between accept and relay, each with its entry in the record.

use std::time::Instant;

use tracing::{debug, error};

use crate::account::Record;
use crate::dial::{Dialer, Upstream};
use crate::kernel::{Origin, Origins};
use crate::policy::{Denial, Facts, Permit, Policy, SniffPlan, Verdict};
use crate::sniff;
use crate::types::{Claim, DenyReason, OriginalDst};

use super::Live;
use super::downstream::Downstream;
use super::limits::Limits;
use super::stop::Stop;

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

/// Reads what the client says it wants, where that can matter.
pub(super) async fn sniff(
    live: &Live,
    limits: &Limits,
    dst: OriginalDst,
    client: &mut Downstream,
    record: &mut Record,
) -> Result<(), Stop> {
    let plan = live.policy.sniff_plan(dst);
    let Some(bounds) = live.sniff.bounds(plan) else {
        return Ok(());
    };
    let memory = limits.sniff_memory(bounds.max_buffered())?;
    let begun = Instant::now();
    let sniffed = sniff::sniff(&mut client.stream, &bounds)
        .await
        .map_err(|_| Stop::ClientGone)?;
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

/// Asks the policy.
pub(super) fn decide(
    policy: &Policy,
    facts: &Facts<'_>,
    record: &mut Record,
) -> Result<Permit, Stop> {
    record.judged_by(policy.generation());
    permitted(policy.decide(facts), record)
}

/// Connects to where the permit leads. In audit mode an answer that the guard refuses is let through
/// to where the client was going, and recorded.
pub(super) async fn dial(
    dialer: &Dialer,
    permit: Permit,
    dst: OriginalDst,
    record: &mut Record,
) -> Result<Upstream, Stop> {
    let upstream = match dialer.dial(&permit).await {
        Err(error) if let Some(reason) = error.denial() => {
            debug!(%error, "refused");
            let permit = permitted(permit.refuse(reason, dst), record)?;
            dialer.dial(&permit).await
        }
        outcome => outcome,
    }
    .map_err(Stop::Unreachable)?;
    if upstream.redialled {
        record.redialled();
    }
    record.connected(upstream.addr, upstream.resolve_time, upstream.connect_time);
    Ok(upstream)
}

fn permitted(verdict: Verdict, record: &mut Record) -> Result<Permit, Stop> {
    match verdict {
        Verdict::Permit(permit) => {
            let would_deny = permit.would_deny().map(|denial| denial.reason);
            record.permitted(permit.service().cloned(), would_deny);
            Ok(permit)
        }
        Verdict::Deny(Denial {
            reason, service, ..
        }) => Err(Stop::Denied { reason, service }),
    }
}
