//! What a policy says of a connection, to be compared with what another says.

use crate::policy::Verdict;
use crate::types::{DenyReason, ServiceName};

use super::admission::{self, Admission};

/// A verdict in the words of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub(super) verdict: &'static str,
    pub(super) reason: Option<DenyReason>,
    pub(super) service: Option<ServiceName>,
}

impl Opinion {
    /// What a verdict says.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Permit(permit) => {
                let admission = Admission::from(permit);
                Self {
                    verdict: admission::verdict(admission.would_deny),
                    reason: admission.would_deny,
                    service: admission.service,
                }
            }
            Verdict::Deny(denial) => Self {
                verdict: "deny",
                reason: Some(denial.reason),
                service: denial.service.clone(),
            },
        }
    }

    /// Of a policy that would have had to know more.
    pub fn unknown() -> Self {
        Self {
            verdict: "unknown",
            reason: None,
            service: None,
        }
    }
}
