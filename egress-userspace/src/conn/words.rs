//! What a refused client is told, in each protocol.

use http::StatusCode;

use crate::types::DenyReason;

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
        let (alert, status) = match reason {
            DenyReason::HostNotInRegistry => (Alert::UnrecognizedName, StatusCode::FORBIDDEN),
            DenyReason::PortNotInRegistry
            | DenyReason::NoName
            | DenyReason::AddressNotInRegistry
            | DenyReason::ProtocolMismatch
            | DenyReason::PortMismatch
            | DenyReason::ResolvedAddressRefused
            | DenyReason::KernelUnconfigured
            | DenyReason::DatagramNotInRegistry
            | DenyReason::PacketNotInRegistry
            | DenyReason::SocketKind
            | DenyReason::FrameNotInRegistry
            | DenyReason::ConnectedBefore
            | DenyReason::OwnListener
            | DenyReason::LinkLocal
            | DenyReason::KernelMemory
            | DenyReason::UnknownOrigin => (Alert::AccessDenied, StatusCode::FORBIDDEN),
            // RFC 9110 section 15.5.20: the name is known, but not at this address.
            DenyReason::AddressMismatch => (Alert::AccessDenied, StatusCode::MISDIRECTED_REQUEST),
            DenyReason::SniffTimeout => (Alert::AccessDenied, StatusCode::REQUEST_TIMEOUT),
            DenyReason::SniffTooLarge => (
                Alert::DecodeError,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
            DenyReason::MalformedTls
            | DenyReason::MalformedHttp
            | DenyReason::InvalidName
            | DenyReason::AmbiguousName => (Alert::DecodeError, StatusCode::BAD_REQUEST),
            DenyReason::LimitConnections
            | DenyReason::LimitCaller
            | DenyReason::LimitSniffMemory => {
                (Alert::InternalError, StatusCode::SERVICE_UNAVAILABLE)
            }
        };
        Self {
            alert,
            status,
            label: reason.label(),
            sentence: reason.sentence(),
        }
    }
}
