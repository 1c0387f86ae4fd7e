//! The shadow policy's opinion of a decision: counted and logged, never enforced.

use crate::account::{Opinion, Record};
use crate::policy::{Facts, SniffPlan, Verdict};
use crate::types::Claim;

use super::Live;

/// Asks the shadow policy, if there is one, about what `verdict` was just given on.
///
/// It judges by what the enforced policy read. Where that let the client's first bytes go unread and
/// the shadow would have looked for a name in them, what it would have said is not known.
pub(super) fn judge(live: &Live, facts: &Facts<'_>, verdict: &Verdict, record: &mut Record) {
    let Some(shadow) = &live.shadow else {
        return;
    };
    let silent = Facts {
        claim: &Claim::Opaque,
        ..*facts
    };
    let unread = live.policy.sniff_plan(&silent) == SniffPlan::Skip
        && wants_name(shadow.sniff_plan(&silent))
        && *facts.claim == Claim::Opaque;
    let opinion = if unread {
        Opinion::unknown()
    } else {
        Opinion::of(&shadow.decide(facts))
    };
    record.shadowed(opinion, &Opinion::of(verdict));
}

fn wants_name(plan: SniffPlan) -> bool {
    match plan {
        SniffPlan::Named | SniffPlan::Either => true,
        SniffPlan::Skip | SniffPlan::Unregistered => false,
    }
}
