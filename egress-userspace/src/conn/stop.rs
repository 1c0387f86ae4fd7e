//! Why a connection does not go on, for the record and for the client.

use http::StatusCode;

use crate::account::Outcome;
use crate::dial::DialError;
use crate::relay::{CloseReason, Cut, Side};
use crate::types::{DenyReason, ResponseFlag, ServiceName};

use super::words::{Alert, Words};

/// Why a connection ends before it is joined.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is refused.
    Denied {
        /// Why.
        reason: DenyReason,
        /// The service that came nearest.
        service: Option<ServiceName>,
    },
    /// It may be made, but can't be.
    Unreachable(DialError),
    /// The client went away.
    ClientGone,
    /// The gateway ends.
    Cut,
}

impl From<DenyReason> for Stop {
    fn from(reason: DenyReason) -> Self {
        Self::Denied {
            reason,
            service: None,
        }
    }
}

impl Stop {
    /// For the record.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Denied { reason, service } => Outcome::Denied {
                reason: *reason,
                service: service.clone(),
            },
            Self::Unreachable(error) => Outcome::Unreachable {
                reason: error.label(),
                flag: error.flag(),
            },
            Self::ClientGone => Outcome::Closed {
                reason: "client_reset",
                flag: ResponseFlag::DownstreamConnectionTermination,
            },
            Self::Cut => closed(CloseReason::Cut(Cut::Cancelled)),
        }
    }

    /// For the client, if it is there to be told.
    pub(super) fn words(&self) -> Option<Words> {
        match self {
            Self::Denied { reason, .. } => Some((*reason).into()),
            Self::Unreachable(error) => Some(unreachable(error)),
            Self::ClientGone => None,
            Self::Cut => Some(Words {
                alert: Alert::InternalError,
                status: StatusCode::SERVICE_UNAVAILABLE,
                label: CloseReason::Cut(Cut::Cancelled).label(),
                sentence: "the gateway is ending",
            }),
        }
    }
}

/// RFC 9110 sections 15.6.3 and 15.6.5: the upstream answered wrongly, or not in time.
fn unreachable(error: &DialError) -> Words {
    let status = match error {
        DialError::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        DialError::Resolve { .. }
        | DialError::Refused { .. }
        | DialError::NoEndpoint
        | DialError::Socket { .. }
        | DialError::Connect { .. } => StatusCode::BAD_GATEWAY,
    };
    Words {
        alert: Alert::InternalError,
        status,
        label: error.label(),
        sentence: "the destination cannot be reached",
    }
}

/// How a relay ended, for the record.
pub(super) fn closed(by: CloseReason) -> Outcome {
    let flag = match by {
        CloseReason::Finished { .. } | CloseReason::Cut(Cut::Cancelled) => ResponseFlag::None,
        CloseReason::Cut(Cut::IdleTimeout) => ResponseFlag::UpstreamRequestTimeout,
        CloseReason::Cut(Cut::Reset { by: side } | Cut::Failed { side, .. }) => match side {
            Side::Client => ResponseFlag::DownstreamConnectionTermination,
            Side::Upstream => ResponseFlag::UpstreamConnectionTermination,
        },
    };
    Outcome::Closed {
        reason: by.label(),
        flag,
    }
}
