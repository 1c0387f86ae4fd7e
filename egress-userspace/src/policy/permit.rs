//! What a decision is: a permit that can be dialled, or a denial with its reason.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use crate::types::{DenyReason, HostName, Mode, OriginalDst, ServiceName};

/// The outcome of [`decide`](super::Policy::decide).
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The connection may be made.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenyReason,
    /// The service that came nearest, if one did.
    pub service: Option<ServiceName>,
}

/// The right to one connection. Only this module makes one, and dialling takes nothing else.
#[derive(Clone, Debug)]
pub struct Permit {
    service: Option<ServiceName>,
    target: Target,
    listed: Arc<[IpNet]>,
    would_deny: Option<Denial>,
    mode: Mode,
}

/// Where a permit leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address that is dialled as it is: the client's own destination.
    Address(SocketAddr),
    /// A name that the gateway resolves.
    Name {
        /// The name.
        name: HostName,
        /// The port to dial.
        port: u16,
        /// The client's own address: dialled if it is among the answers (`resolution = "NONE"`).
        prefer: Option<IpAddr>,
    },
    /// Addresses and names that the service lists.
    Endpoints(Arc<[EndpointTarget]>),
}

/// One endpoint with the port to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointTarget {
    /// An address, dialled as it is: the operator listed it.
    Address(SocketAddr),
    /// A name that the gateway resolves, and the port.
    Name(HostName, u16),
}

impl Permit {
    /// A permit that no policy gave, for the tests of what takes permits.
    #[cfg(test)]
    pub(crate) fn for_test(target: Target, listed: &[IpNet]) -> Self {
        let (mode, listed) = (Mode::Enforce, listed.into());
        Self {
            service: None,
            target,
            listed,
            would_deny: None,
            mode,
        }
    }

    /// For a connection that `service` admits; `listed` are the service's addresses.
    pub(super) fn admitted(
        service: ServiceName,
        target: Target,
        listed: Arc<[IpNet]>,
        mode: Mode,
    ) -> Self {
        Self {
            service: Some(service),
            target,
            listed,
            would_deny: None,
            mode,
        }
    }

    /// For a connection that no service admits, to where the client wanted to go.
    pub(super) fn passed(dst: OriginalDst, would_deny: Option<Denial>, mode: Mode) -> Self {
        let target = Target::Address(dst.socket_addr());
        Self {
            service: None,
            target,
            listed: Arc::default(),
            would_deny,
            mode,
        }
    }

    /// Takes the permit back because of what dialling found, such as an answer that is refused.
    /// In audit mode the connection goes where the client wanted to go instead.
    pub fn refuse(self, reason: DenyReason, dst: OriginalDst) -> Verdict {
        let denial = Denial {
            reason,
            service: self.service,
        };
        match self.mode {
            Mode::Enforce => Verdict::Deny(denial),
            Mode::Audit => Verdict::Permit(Self::passed(dst, Some(denial), self.mode)),
        }
    }

    /// The service that admitted the connection; `None`: passed through unregistered.
    pub fn service(&self) -> Option<&ServiceName> {
        self.service.as_ref()
    }

    /// Where to dial.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the service lists `ip` in its `addresses`: then a resolved answer may be it although
    /// it is not public.
    pub fn lists(&self, ip: IpAddr) -> bool {
        self.listed.iter().any(|net| net.contains(&ip))
    }

    /// What enforcement would have said, in audit mode.
    pub fn would_deny(&self) -> Option<&Denial> {
        self.would_deny.as_ref()
    }
}
