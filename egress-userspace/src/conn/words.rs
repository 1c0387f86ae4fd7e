//! What a refused client is told, in each protocol.

use http::StatusCode;

use crate::types::{DenyReason, ReasonKind};

/// The refusal, in each protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The alert's description (RFC 8446 section 6.2, RFC 6066 section 9).
    pub(super) alert: Alert,
    /// The status for HTTP.
    pub(super) status: StatusCode,
    /// The stable label of the reason.
    pub(super) label: &'static str,
    /// One sentence.
    pub(super) sentence: &'static str,
}

/// A fatal TLS alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Alert {
    /// The sender was denied access (RFC 8446 section 6.2).
    AccessDenied = 49,
    /// The hello could not be parsed.
    DecodeError = 50,
    /// Nothing to do with the client: the destination can't be reached.
    InternalError = 80,
    /// The name is not one that is served here (RFC 6066 section 3).
    UnrecognizedName = 112,
}

impl From<DenyReason> for Words {
    fn from(reason: DenyReason) -> Self {
        let (alert, status) = match reason.kind() {
            ReasonKind::Policy => (Alert::AccessDenied, StatusCode::FORBIDDEN),
            ReasonKind::Name => (Alert::UnrecognizedName, StatusCode::FORBIDDEN),
            ReasonKind::Misdirected => (Alert::AccessDenied, StatusCode::MISDIRECTED_REQUEST),
            ReasonKind::Protocol => (Alert::DecodeError, StatusCode::BAD_REQUEST),
            ReasonKind::Slow => (Alert::AccessDenied, StatusCode::REQUEST_TIMEOUT),
            ReasonKind::Large => (
                Alert::DecodeError,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
            ReasonKind::Limit => (Alert::InternalError, StatusCode::SERVICE_UNAVAILABLE),
            ReasonKind::Unsupported => (Alert::AccessDenied, StatusCode::NOT_IMPLEMENTED),
        };
        Self {
            alert,
            status,
            label: reason.label(),
            sentence: reason.sentence(),
        }
    }
}
