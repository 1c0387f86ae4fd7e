//! How a connection ended.

use crate::types::{DenyReason, ResponseFlag, ServiceName};

/// Bytes that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The client's, written to the upstream: what Istio and Envoy call received.
    pub from_client: u64,
    /// The upstream's, written to the client: what Istio and Envoy call sent.
    pub from_upstream: u64,
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was refused before it had an upstream.
    Denied {
        /// Why.
        reason: DenyReason,
        /// The service that came nearest, if one did.
        service: Option<ServiceName>,
    },
    /// It was permitted, but no upstream could be reached.
    Unreachable {
        /// The stable label of the reason.
        reason: &'static str,
        /// Envoy's flag.
        flag: ResponseFlag,
    },
    /// It goes straight to its destination, and how it ends is not seen.
    Direct,
    /// It was closed, by a peer or by the gateway.
    Closed {
        /// Who closed it and how: a stable label.
        reason: &'static str,
        /// Envoy's flag.
        flag: ResponseFlag,
    },
}

impl Outcome {
    /// Who closed the connection and how.
    pub(super) fn close_reason(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::Direct => "direct",
            Self::Unreachable { reason, .. } | Self::Closed { reason, .. } => reason,
        }
    }

    /// Envoy's flag.
    pub(super) fn flag(&self) -> ResponseFlag {
        match self {
            Self::Denied { reason, .. } => denial_flag(*reason),
            Self::Direct => ResponseFlag::None,
            Self::Unreachable { flag, .. } | Self::Closed { flag, .. } => *flag,
        }
    }
}

fn denial_flag(reason: DenyReason) -> ResponseFlag {
    match reason {
        DenyReason::LimitConnections | DenyReason::LimitCaller | DenyReason::LimitSniffMemory => {
            ResponseFlag::UpstreamOverflow
        }
        DenyReason::SniffTimeout
        | DenyReason::SniffTooLarge
        | DenyReason::MalformedTls
        | DenyReason::MalformedHttp
        | DenyReason::InvalidName
        | DenyReason::AmbiguousName => ResponseFlag::DownstreamProtocolError,
        DenyReason::PortNotInRegistry
        | DenyReason::HostNotInRegistry
        | DenyReason::NoName
        | DenyReason::AddressNotInRegistry
        | DenyReason::ProtocolMismatch
        | DenyReason::PortMismatch
        | DenyReason::AddressMismatch
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
        | DenyReason::UnknownOrigin => ResponseFlag::UnauthorizedExternalService,
    }
}
