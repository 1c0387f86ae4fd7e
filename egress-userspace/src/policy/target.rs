//! Where a permit leads.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::types::{HostName, Locality};

/// Where a permit leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address that is dialled as it is: the client's own destination.
    Address(SocketAddr),
    /// The client's own destination, which the DNS forwarder answered for a name: dialled if an answer
    /// may be it.
    Answer {
        /// The name.
        name: HostName,
        /// The destination.
        addr: SocketAddr,
    },
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

impl Target {
    /// The name that is dialled, if it is one.
    pub fn name(&self) -> Option<&HostName> {
        match self {
            Self::Name { name, .. } | Self::Answer { name, .. } => Some(name),
            Self::Address(_) | Self::Endpoints(_) => None,
        }
    }
}

/// What must be true of the client's destination before anything is dialled, wherever that leads
/// (`trust = "verify"`, and `ech = "require_verified_ip"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The name that the client sent …
    pub name: HostName,
    /// … has this address, which is the client's own destination.
    pub ip: IpAddr,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTarget {
    /// Where, and the port to dial.
    pub host: EndpointHost,
    /// Its share, relative to the others'.
    pub weight: u32,
    /// Where it is, if that is known.
    pub locality: Option<Locality>,
}

/// Where an endpoint is, with the port to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// An address, dialled as it is: the operator listed it.
    Address(SocketAddr),
    /// A name that the gateway resolves, and the port.
    Name(HostName, u16),
}

impl EndpointTarget {
    /// One that is as good as any other.
    pub fn new(host: EndpointHost) -> Self {
        Self {
            host,
            weight: 1,
            locality: None,
        }
    }
}
