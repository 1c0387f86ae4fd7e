//! What Istio calls a `DestinationRule`'s traffic policy.

use std::path::PathBuf;
use std::time::Duration;

use super::HostName;

/// How a service's connections are spread and bounded. The default is what holds for a service that
/// says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrafficPolicy {
    /// `connection_pool.tcp`.
    pub pool: ConnectionPool,
    /// `outlier_detection`; `None`: no address is passed over.
    pub outlier: Option<OutlierDetection>,
    /// `load_balancer`.
    pub balancer: LoadBalancer,
    /// What is said to the upstream before the client's bytes.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// `tls`: how the gateway itself speaks TLS to the upstream; `None`: it does not.
    pub tls: Option<ClientTls>,
}

/// Bounds on a service's connections; `None`: what `[dial]` and `[relay]` say, or no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionPool {
    /// Connections at one moment.
    pub max_connections: Option<u32>,
    /// For all attempts of one connection together.
    pub connect_timeout: Option<Duration>,
    /// How long nothing may move; zero: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a connection may last.
    pub max_connection_duration: Option<Duration>,
    /// Probes on an idle connection to the upstream.
    pub keepalive: Option<Keepalive>,
}

/// TCP keepalive (RFC 9293 section 3.8.4), as Linux has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Idle time before the first probe.
    pub time: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes without an answer after which the connection is dead.
    pub probes: u32,
}

/// When an address is passed over because it does not take connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutlierDetection {
    /// Failures to connect, one after the other, that eject it.
    pub consecutive_failures: u32,
    /// How long it is ejected the first time; the n-th time, n times as long.
    pub base_ejection_time: Duration,
    /// The longest that it is ejected.
    pub max_ejection_time: Duration,
    /// How many of a service's addresses may be ejected, in percent; one always may.
    pub max_ejection_percent: u8,
}

/// Which of a service's addresses a connection goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LoadBalancer {
    /// Each in turn, by weight.
    #[default]
    RoundRobin,
    /// Of two that are drawn, the one with fewer live connections for its weight.
    LeastRequest,
    /// Drawn, by weight.
    Random,
    /// The same for one client address as long as the addresses stay the same.
    SourceIp,
}

/// `HAProxy`'s PROXY protocol, which tells the upstream who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// TLS that the gateway originates, on connections that clients make in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// Whether the gateway shows who it is.
    pub mode: ClientTlsMode,
    /// The name in the `ClientHello`; `None`: the one that the client sent, or the one that is
    /// dialled.
    pub sni: Option<HostName>,
    /// A PEM file of authorities; `None`: the system's.
    pub ca_certificates: Option<PathBuf>,
    /// The upstream's certificate must be for one of these; empty: for the name in the `ClientHello`.
    pub subject_alt_names: Vec<HostName>,
}

/// Istio's `SIMPLE` and `MUTUAL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientTlsMode {
    /// It checks the upstream's certificate.
    Simple,
    /// It also has one of its own.
    Mutual {
        /// A PEM file: the certificate and those that signed it.
        client_certificate: PathBuf,
        /// A PEM file: its key.
        private_key: PathBuf,
    },
}
