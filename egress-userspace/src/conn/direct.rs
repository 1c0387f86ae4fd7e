//! What the kernel side decides by itself, and only tells of.

use std::sync::Arc;

use crate::account::Outcome;
use crate::kernel::{Decision, Origin, Ruling};
use crate::policy::{Denial, Facts, Verdict};
use crate::types::{Claim, DenyReason};

use super::{Gateway, shadow};

impl Gateway {
    /// Records a decision. Which service a connection was let through for is the policy's to say: the
    /// kernel knows only addresses.
    pub fn record_decision(&self, decision: Decision) {
        let Decision {
            ruling,
            origin: Origin { dst, mut caller },
        } = decision;
        // It is decided already: what is not known now is not waited for.
        let _ = self.look_up(&mut caller);
        let caller = Arc::new(caller);
        let mut record = self
            .account
            .of_kernel(self.next_id(), dst, Arc::clone(&caller));
        let learned = self.learned(&caller, dst);
        let facts = Facts {
            dst,
            claim: &Claim::Opaque,
            caller: &caller,
            learned: &learned,
            draw: fastrand::u32(..),
        };
        let live = self.live.load();
        let outcome = match ruling {
            Ruling::Passed => {
                record.judged_by(live.policy.generation());
                let verdict = live.policy.decide(&facts);
                shadow::judge(&live, &facts, &verdict, &mut record);
                if let Verdict::Permit(permit) = &verdict {
                    record.permitted(permit.into());
                }
                Outcome::Direct
            }
            Ruling::Tolerated(reason) => {
                record.permitted(reason.into());
                Outcome::Direct
            }
            Ruling::Refused(reason) => {
                let denial = Denial::from(reason);
                // The only refusal for which there is a connection that the registry could admit.
                if reason == DenyReason::AddressNotInRegistry {
                    record.learned(&learned);
                    let verdict = Verdict::Deny(denial.clone());
                    shadow::judge(&live, &facts, &verdict, &mut record);
                }
                Outcome::Denied(denial)
            }
        };
        record.finish(&outcome);
    }
}
