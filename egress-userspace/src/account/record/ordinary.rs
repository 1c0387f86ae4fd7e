//! Which connections may go without a line in the access log.

use super::{Admitted, Outcome, Record};
use crate::account::sampling::Draw;

/// How the relay says that both sides ended.
const IN_ORDER: [&str; 2] = ["client_closed", "upstream_closed"];

impl Record {
    /// Writes the line, or, of an ordinary connection, draws whether it is written.
    pub(super) fn draw(&self, outcome: &Outcome) -> Draw {
        if self.is_ordinary(outcome) {
            self.account.sampling().draw()
        } else {
            Draw::Written
        }
    }

    /// Whether a policy allowed it, the shadow says the same, and it ended in order.
    fn is_ordinary(&self, outcome: &Outcome) -> bool {
        let is_allowed = matches!(
            self.admitted,
            Some(Admitted {
                would_deny: None,
                ..
            })
        );
        let is_disputed = self.rare.as_ref().is_some_and(|rare| rare.shadow.is_some());
        let ended_in_order = match outcome {
            Outcome::Direct | Outcome::Answered => true,
            // Else an operator ended it, or the gateway as it ended.
            Outcome::Closed { reason, .. } => IN_ORDER.contains(reason),
            Outcome::Denied(_) | Outcome::Unreachable { .. } | Outcome::Revoked { .. } => false,
        };
        is_allowed && !is_disputed && ended_in_order
    }
}
