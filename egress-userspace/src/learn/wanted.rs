//! What a connection asks a registry for.

use std::net::IpAddr;

use crate::types::{HostName, Protocol};

/// A destination that a service would have to list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) by: By,
    pub(super) port: Port,
}

/// What the service would be found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum By {
    /// A name.
    Host(HostName),
    /// A name whose address is not public: it is not dialled unless it is listed.
    HostAt(HostName, IpAddr),
    /// An address.
    Address(IpAddr),
}

/// A port, and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(super) struct Port {
    pub(super) number: u16,
    #[serde(rename = "protocol")]
    pub(super) speaks: Speaks,
}

/// What was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Speaks {
    /// TLS.
    Tls,
    /// HTTP in the clear.
    Http,
    /// HTTP/2 in the clear, and nothing older.
    Http2,
    /// Anything else over TCP.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Speaks {
    /// As a configuration has it.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Tls => Protocol::Tls,
            Self::Http => Protocol::Http,
            Self::Http2 => Protocol::Http2,
            Self::Tcp => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
        }
    }

    /// As a configuration spells it.
    pub fn word(self) -> &'static str {
        self.protocol().word()
    }
}
