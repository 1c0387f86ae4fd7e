//! Why a connection does not go on, for the record and for the client.

use http::StatusCode;

use crate::account::Outcome;
use crate::dial::DialError;
use crate::net::TcpStream;
use crate::policy::Denial;
use crate::relay::{CloseReason, Cut, Side};
use crate::types::{DenyReason, Generation, ResponseFlag};

use super::words::{Alert, Words};

/// Why a connection ends before it is joined.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is refused.
    Denied(Denial),
    /// It may be made, but can't be.
    Unreachable(DialError),
    /// The gateway was whom it asked, and has answered.
    Answered,
    /// The client went away.
    ClientGone,
    /// The gateway ends.
    Cut,
    /// The gateway takes no more connections.
    Draining,
}

/// Why the gateway ends a connection that is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The gateway ends.
    Cut,
    /// An operator says so.
    Told,
    /// This policy forbids it.
    Revoked(Generation),
}

impl From<DenyReason> for Stop {
    fn from(reason: DenyReason) -> Self {
        Self::Denied(reason.into())
    }
}

impl Stop {
    /// For the record.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Denied(denial) => Outcome::Denied(denial.clone()),
            Self::Unreachable(error) => Outcome::Unreachable {
                reason: error.label(),
                flag: error.flag(),
            },
            Self::Answered => Outcome::Answered,
            Self::ClientGone => Outcome::Closed {
                reason: "client_reset",
                flag: ResponseFlag::DownstreamConnectionTermination,
            },
            Self::Cut => closed(CloseReason::Cut(Cut::Cancelled), None),
            Self::Draining => Outcome::Closed {
                reason: "draining",
                flag: ResponseFlag::None,
            },
        }
    }

    /// For the client, if it is there to be told.
    pub(super) fn words(&self) -> Option<Words> {
        match self {
            Self::Denied(denial) => Some(denial.reason.into()),
            Self::Unreachable(error) => Some(unreachable(error)),
            Self::Answered | Self::ClientGone | Self::Draining => None,
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
        | DialError::Confined { .. }
        | DialError::Mismatch { .. }
        | DialError::Overflow
        | DialError::NoEndpoint
        | DialError::Socket { .. }
        | DialError::Connect { .. }
        | DialError::Tls { .. } => StatusCode::BAD_GATEWAY,
    };
    Words {
        alert: Alert::InternalError,
        status,
        label: error.label(),
        sentence: "the destination cannot be reached",
    }
}

/// A response without a certain end, for the record.
pub(super) const UNFRAMED: Outcome = Outcome::Closed {
    reason: "upstream_malformed",
    flag: ResponseFlag::UpstreamProtocolError,
};

/// Has both sockets of a connection end with a reset when they are closed.
pub(super) fn reset(both: [&TcpStream; 2]) -> CloseReason {
    for stream in both {
        // It fails on no TCP socket; if it did, the peer would see an end instead.
        let _ = stream.set_zero_linger();
    }
    CloseReason::Cut(Cut::Cancelled)
}

/// How a relay ended, for the record; `ending` is why the gateway ended it, if it did.
pub(super) fn closed(by: CloseReason, ending: Option<Ending>) -> Outcome {
    match (by, ending) {
        (CloseReason::Cut(Cut::Cancelled), Some(Ending::Revoked(by))) => {
            return Outcome::Revoked { by };
        }
        (CloseReason::Cut(Cut::Cancelled), Some(Ending::Told)) => {
            return Outcome::Closed {
                reason: "operator",
                flag: ResponseFlag::None,
            };
        }
        _ => {}
    }
    let flag = match by {
        CloseReason::Finished { .. } | CloseReason::Cut(Cut::Cancelled) => ResponseFlag::None,
        CloseReason::Cut(Cut::IdleTimeout) => ResponseFlag::UpstreamRequestTimeout,
        CloseReason::Cut(Cut::MaxDuration) => ResponseFlag::DurationTimeout,
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
