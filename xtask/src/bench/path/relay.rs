//! What stands between the clients and the server.

use clap::ValueEnum;

/// A way from the clients to the server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
pub(super) enum Relay {
    /// Nothing: the clients connect to the server itself
    None,
    /// The gateway: connections that it judges by name
    Egress,
    /// The gateway: connections that its kernel programs judge by address
    EgressAddress,
    /// As it decides itself what to splice: new connections wait least
    Haproxy,
    /// Told to splice everything, through large pipes: bulk costs least
    HaproxySplice,
    Nginx,
    Sniproxy,
    Envoy,
    /// The crate of that name alone, in one thread: it looks at no name, and refuses nobody
    TokioSplice,
}

impl Relay {
    pub(super) const ALL: [Self; 9] = [
        Self::None,
        Self::Egress,
        Self::EgressAddress,
        Self::Haproxy,
        Self::HaproxySplice,
        Self::Nginx,
        Self::Sniproxy,
        Self::Envoy,
        Self::TokioSplice,
    ];

    /// Those that look at the name of each connection, as the gateway does.
    pub(super) const PEERS: [Self; 5] = [
        Self::Haproxy,
        Self::HaproxySplice,
        Self::Nginx,
        Self::Sniproxy,
        Self::Envoy,
    ];

    /// As the table names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "no relay",
            Self::Egress => "egress",
            Self::EgressAddress => "egress, by address",
            Self::Haproxy => "HAProxy",
            Self::HaproxySplice => "HAProxy, splice",
            Self::Nginx => "nginx",
            Self::Sniproxy => "sniproxy",
            Self::Envoy => "Envoy",
            Self::TokioSplice => "tokio-splice",
        }
    }

    /// The name of the program alone.
    pub(super) fn product(self) -> &'static str {
        self.name().split(',').next().unwrap_or_default()
    }

    /// As the JSON names it, and the command line.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Egress => "egress",
            Self::EgressAddress => "egress-address",
            Self::Haproxy => "haproxy",
            Self::HaproxySplice => "haproxy-splice",
            Self::Nginx => "nginx",
            Self::Sniproxy => "sniproxy",
            Self::Envoy => "envoy",
            Self::TokioSplice => "tokio-splice",
        }
    }

    /// Whether it is the gateway, which clients do not address.
    pub(super) fn is_gateway(self) -> bool {
        matches!(self, Self::Egress | Self::EgressAddress)
    }
}
