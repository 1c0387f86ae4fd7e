//! Why a connection could not be made.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::guard::Refused;
use crate::types::{DenyReason, HostName, ResponseFlag};

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// A name gave no address.
    #[error("cannot resolve {name}: {source}")]
    Resolve {
        /// The name.
        name: HostName,
        /// Why.
        source: ResolveError,
    },
    /// A name gave only addresses that are not public and that its service does not list.
    #[error("{name} resolves only to addresses that are not public: {}", list(.answers))]
    Refused {
        /// The name.
        name: HostName,
        /// What it resolved to.
        answers: Vec<Refused>,
    },
    /// Where the permit leads, this client is not to be led.
    #[error("{addr} is not for a client of another node: {reason}")]
    Confined {
        /// The first of the addresses.
        addr: SocketAddr,
        /// Why.
        reason: DenyReason,
    },
    /// The client's own address is not one of the name's, and its service wants that.
    #[error("{ip} is not an address of {name}")]
    Mismatch {
        /// The name.
        name: HostName,
        /// The client's address.
        ip: IpAddr,
    },
    /// The service has as many connections as it may.
    #[error("the service has as many connections as it may")]
    Overflow,
    /// The service has nowhere to connect to.
    #[error("the service has no endpoint")]
    NoEndpoint,
    /// The gateway could not make a socket.
    #[error("cannot make a socket for {addr}: {source}")]
    Socket {
        /// The address it was for.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No address accepted.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// The address that was tried first.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// It was connected, but TLS could not be agreed on, or its certificate is not right.
    #[error("TLS with {addr}: {source}")]
    Tls {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No address accepted in time.
    #[error("no connection within {after:?}")]
    Timeout {
        /// The setting.
        after: Duration,
    },
}

/// Why a name gave no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name.
    #[error("there is no such name")]
    NxDomain,
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// No server answered in time.
    #[error("no server answered in time")]
    Timeout,
    /// A server answered with an error, or could not be reached.
    #[error("{0}")]
    Server(String),
}

impl ResolveError {
    /// How much the error tells; of two lookups for one name, the one that tells more is reported.
    /// That a name does not exist is true for all its records; that one family is missing is not
    /// why a name cannot be reached while the other family's server fails.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Self::NxDomain => 3,
            Self::Server(_) => 2,
            Self::Timeout => 1,
            Self::NoAddress => 0,
        }
    }
}

impl DialError {
    /// The stable label, for the log and the metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Resolve {
                source: ResolveError::NxDomain,
                ..
            } => "resolve_nxdomain",
            Self::Resolve {
                source: ResolveError::NoAddress,
                ..
            } => "resolve_no_address",
            Self::Resolve {
                source: ResolveError::Timeout,
                ..
            } => "resolve_timeout",
            Self::Resolve {
                source: ResolveError::Server(_),
                ..
            } => "resolve_server",
            Self::Refused { .. } => DenyReason::ResolvedAddressRefused.label(),
            Self::Confined { reason, .. } => reason.label(),
            Self::Mismatch { .. } => DenyReason::SniIpMismatch.label(),
            Self::Overflow => DenyReason::LimitService.label(),
            Self::NoEndpoint => "no_endpoint",
            Self::Socket { .. } => "socket",
            Self::Connect { source, .. } => connect_label(source.kind()),
            Self::Tls { source, .. } => tls_label(source.kind()),
            Self::Timeout { .. } => "connect_timeout",
        }
    }

    /// Envoy's response flag.
    pub fn flag(&self) -> ResponseFlag {
        match self {
            Self::Resolve { .. } => ResponseFlag::DnsResolutionFailed,
            Self::Refused { .. } | Self::Confined { .. } | Self::Mismatch { .. } => {
                ResponseFlag::UnauthorizedExternalService
            }
            Self::Overflow => ResponseFlag::UpstreamOverflow,
            Self::NoEndpoint => ResponseFlag::NoHealthyUpstream,
            Self::Socket { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. } => ResponseFlag::UpstreamConnectionFailure,
        }
    }

    /// The denial that this is, if it is one: the guard refuses as the policy does.
    pub fn denial(&self) -> Option<DenyReason> {
        match self {
            Self::Refused { .. } => Some(DenyReason::ResolvedAddressRefused),
            Self::Confined { reason, .. } => Some(*reason),
            Self::Mismatch { .. } => Some(DenyReason::SniIpMismatch),
            Self::Overflow => Some(DenyReason::LimitService),
            Self::Resolve { .. }
            | Self::NoEndpoint
            | Self::Socket { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. } => None,
        }
    }
}

fn connect_label(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "connect_refused",
        io::ErrorKind::ConnectionReset => "connect_reset",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "connect_unreachable",
        io::ErrorKind::TimedOut => "connect_timeout",
        _ => "connect_failed",
    }
}

/// What rustls finds wrong is invalid data; anything else is the connection's.
fn tls_label(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::InvalidData => "tls_refused",
        _ => "tls_failed",
    }
}

fn list(answers: &[Refused]) -> String {
    let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
    answers.join(", ")
}
