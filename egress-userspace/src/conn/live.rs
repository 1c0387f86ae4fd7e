//! What a reload replaces, in one piece.

use std::sync::Arc;
use std::time::Duration;

use crate::dial::Dialer;
use crate::policy::{Permit, Policy, SniffPlan};
use crate::types::OnRevoke;
use crate::{relay, sniff};

use super::connection::Admitted;

/// What a reload replaces. A connection keeps to the one that it began with until it is joined; from
/// then on each new policy judges it again.
pub struct Live {
    /// Who may go where.
    pub policy: Arc<Policy>,
    /// Who might go where: judged beside the policy, counted and logged, and never enforced.
    pub shadow: Option<Policy>,
    /// How names are resolved and connections made.
    pub dialer: Arc<Dialer>,
    /// How much of a first message is read, and for how long.
    pub sniff: SniffSettings,
    /// How bytes are moved.
    pub relay: Arc<relay::Options>,
    /// What becomes of a connection that has no service when a new policy forbids it.
    pub on_revoke: OnRevoke,
}

impl Live {
    /// What lets a connection through that has this permit of the policy.
    pub(super) fn admitted(&self, permit: Permit) -> Admitted {
        let on_revoke = match permit.service() {
            Some(_) => permit.terms().on_revoke,
            None => self.on_revoke,
        };
        Admitted {
            permit,
            on_revoke,
            generation: self.policy.generation(),
        }
    }
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
    pub(super) fn bounds(&self, plan: SniffPlan) -> Option<sniff::Limits> {
        match plan {
            SniffPlan::Skip => None,
            SniffPlan::Named | SniffPlan::Either => Some(self.named),
            SniffPlan::Unregistered => Some(sniff::Limits {
                deadline: self.unregistered,
                ..self.named
            }),
        }
    }
}
