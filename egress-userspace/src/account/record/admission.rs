//! What let a connection through.

use crate::policy::{Denial, Permit};
use crate::types::{DenyReason, HostName, Place, ServiceName};

/// What let a connection through, as the log and the metrics tell of it.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The service; `None`: it was let through without one.
    pub service: Option<ServiceName>,
    /// Where that service is written.
    pub rule: Option<Place>,
    /// The route that leads it elsewhere.
    pub route: Option<Box<str>>,
    /// The name, told to the caller for the destination, that the service has.
    pub learned: Option<HostName>,
    /// What enforcement would have said, in audit mode.
    pub would_deny: Option<DenyReason>,
}

impl From<&Permit> for Admission {
    fn from(permit: &Permit) -> Self {
        let would_deny = permit.would_deny();
        let nearest = || would_deny.and_then(|denial| denial.rule.as_ref());
        Self {
            service: permit.service().cloned(),
            rule: permit.rule().or_else(nearest).cloned(),
            route: permit.route().map(Into::into),
            learned: permit.learned().cloned(),
            would_deny: would_deny.map(|denial: &Denial| denial.reason),
        }
    }
}

impl From<DenyReason> for Admission {
    /// Let through although enforcement would have said this.
    fn from(reason: DenyReason) -> Self {
        Self {
            would_deny: Some(reason),
            ..Self::default()
        }
    }
}

/// The access log's and the metrics' word for what was let through.
pub(super) fn verdict(would_deny: Option<DenyReason>) -> &'static str {
    if would_deny.is_some() {
        "audit"
    } else {
        "allow"
    }
}
