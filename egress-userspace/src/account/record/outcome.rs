//! How a connection ended.

use crate::policy::Denial;
use crate::types::{DenyReason, Generation, ReasonKind, ResponseFlag};

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
    /// It was refused: before it had an upstream, or at a later request.
    Denied(Denial),
    /// It was permitted, but no upstream could be reached.
    Unreachable {
        /// The stable label of the reason.
        reason: &'static str,
        /// Envoy's flag.
        flag: ResponseFlag,
    },
    /// It goes straight to its destination, and how it ends is not seen.
    Direct,
    /// It asked a DNS server, and the gateway answered.
    Answered,
    /// It was ended because a new policy forbids it.
    Revoked {
        /// That policy.
        by: Generation,
    },
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
            Self::Denied(_) => "denied",
            Self::Direct => "direct",
            Self::Answered => "answered",
            Self::Revoked { .. } => "revoked",
            Self::Unreachable { reason, .. } | Self::Closed { reason, .. } => reason,
        }
    }

    /// Envoy's flag.
    pub(super) fn flag(&self) -> ResponseFlag {
        match self {
            Self::Denied(denial) => denial_flag(denial.reason),
            Self::Direct | Self::Answered => ResponseFlag::None,
            Self::Revoked { .. } => ResponseFlag::UnauthorizedExternalService,
            Self::Unreachable { flag, .. } | Self::Closed { flag, .. } => *flag,
        }
    }
}

/// Envoy's flag for a denial.
pub(in crate::account) fn denial_flag(reason: DenyReason) -> ResponseFlag {
    match reason.kind() {
        ReasonKind::Limit => ResponseFlag::UpstreamOverflow,
        ReasonKind::Protocol | ReasonKind::Slow | ReasonKind::Large | ReasonKind::Unsupported => {
            ResponseFlag::DownstreamProtocolError
        }
        ReasonKind::Policy | ReasonKind::Name | ReasonKind::Misdirected => {
            ResponseFlag::UnauthorizedExternalService
        }
    }
}
