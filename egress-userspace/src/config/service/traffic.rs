//! `[service.traffic_policy]`: how a service's connections are spread and bounded.

use std::path::PathBuf;
use std::time::Duration;

use serde_spanned::Spanned;

use super::parts::missing;
use crate::config::problem::{Problem, Span};
use crate::config::section::section;
use crate::config::value::{Given, given};
use crate::config::words::TlsWord;
use crate::types::{
    ClientTls, ClientTlsMode, ConnectionPool, HostName, Keepalive, LoadBalancer, OutlierDetection,
    ProxyProtocol, TrafficPolicy,
};

section! {
    /// The policy as the file has it.
    pub(in crate::config) RawTraffic = "service.traffic_policy" {
        /// Bounds on its connections.
        connection_pool: RawPool = RawPool::default();
        /// When an address is passed over because it does not take connections.
        outlier_detection: Option<Spanned<RawOutlier>> = None;
        /// Which of its addresses a connection goes to.
        load_balancer: LoadBalancer = LoadBalancer::RoundRobin;
        /// Tell the upstream who the client is, before its bytes.
        proxy_protocol: Option<Spanned<ProxyProtocol>> = None;
        /// Have the gateway speak TLS to the upstream.
        tls: Option<Spanned<RawTls>> = None;
    }
}

section! {
    /// Bounds, by protocol: as Istio has it.
    pub(in crate::config) RawPool = "service.traffic_policy.connection_pool" {
        /// Bounds on TCP connections.
        tcp: RawTcpPool = RawTcpPool::default();
    }
}

section! {
    /// Bounds on connections.
    pub(in crate::config) RawTcpPool = "service.traffic_policy.connection_pool.tcp" {
        /// Connections at one moment.
        // The range of `limits.connections`.
        max_connections: Given<u32> = Given(None), within given(1..=1_000_000);
        /// For all attempts of one connection together.
        // The ranges of `dial.connect_timeout` and `relay.idle_timeout`.
        connect_timeout: Given<Duration> = Given(None),
            within given(Duration::from_millis(10)..=Duration::from_mins(5));
        /// A connection without bytes for this long ends; `0s`: never.
        idle_timeout: Given<Duration> = Given(None),
            within given(Duration::ZERO..=Duration::from_hours(7 * 24));
        /// How long a connection may last.
        // A bound of more than a month ends nothing that a restart of the node does not.
        max_connection_duration: Given<Duration> = Given(None),
            within given(Duration::from_secs(1)..=Duration::from_hours(30 * 24));
        /// Probes on idle connections to the upstream.
        tcp_keepalive: Option<Spanned<RawKeepalive>> = None;
    }
}

section! {
    /// Probes on idle connections. The ranges are Linux's, which counts in seconds up to 32,767.
    pub(in crate::config) RawKeepalive =
        "service.traffic_policy.connection_pool.tcp.tcp_keepalive" {
        /// Idle time before the first probe.
        // Clouds' NATs forget a connection after 4 minutes and more; the kernel's 2 hours are no
        // help against that.
        time: Duration = Duration::from_mins(3),
            within Duration::from_secs(1)..=Duration::from_hours(9);
        /// Time between probes.
        // With the probes: what is dead is known after 2 more minutes.
        interval: Duration = Duration::from_secs(30),
            within Duration::from_secs(1)..=Duration::from_hours(9);
        /// Probes without an answer after which the connection is dead.
        probes: u8 = 4, within 1..=127;
    }
}

section! {
    /// When an address is passed over. The defaults are Istio's.
    pub(in crate::config) RawOutlier = "service.traffic_policy.outlier_detection",
        checked by ejection {
        /// Failures to connect, one after the other, that eject an address.
        consecutive_connect_failures: u32 = 5, within 1..=1000;
        /// How long it is ejected the first time; the n-th time, n times as long.
        base_ejection_time: Duration = Duration::from_secs(30),
            within Duration::from_secs(1)..=Duration::from_hours(1);
        /// The longest that it is ejected.
        max_ejection_time: Duration = Duration::from_mins(5),
            within Duration::from_secs(1)..=Duration::from_hours(24);
        /// How many of the service's addresses may be ejected; one always may.
        max_ejection_percent: u8 = 10, within 0..=100;
    }
}

section! {
    /// TLS that the gateway originates.
    pub(in crate::config) RawTls = "service.traffic_policy.tls", needs mode, checked by tls {
        /// Whether, and with a certificate of its own or not.
        mode: Option<Spanned<TlsWord>> = None;
        /// The name to ask for; without, the one that the client sent.
        sni: Option<Spanned<HostName>> = None;
        /// A PEM file of the authorities to believe; without, the system's.
        ca_certificates: Option<Spanned<PathBuf>> = None;
        /// A PEM file of the certificate to show, for `MUTUAL`.
        client_certificate: Option<Spanned<PathBuf>> = None;
        /// A PEM file of its key, for `MUTUAL`.
        private_key: Option<Spanned<PathBuf>> = None;
    }
}

fn ejection(outlier: &RawOutlier, span: &Span, problems: &mut Vec<Problem>) {
    if outlier.max_ejection_time < outlier.base_ejection_time {
        let title = "`max_ejection_time` is shorter than `base_ejection_time`";
        let label = "expected a maximum that the first ejection does not reach";
        problems.push(Problem::new(span.clone(), title, label));
    }
}

fn tls(tls: &RawTls, span: &Span, problems: &mut Vec<Problem>) {
    let Some(mode) = tls.mode.as_ref().map(|mode| *mode.get_ref()) else {
        problems.push(missing("mode", span).help("the usual one is mode = \"SIMPLE\""));
        return;
    };
    let keys = [
        ("sni", tls.sni.as_ref().map(Spanned::span)),
        (
            "ca_certificates",
            tls.ca_certificates.as_ref().map(Spanned::span),
        ),
        (
            "client_certificate",
            tls.client_certificate.as_ref().map(Spanned::span),
        ),
        ("private_key", tls.private_key.as_ref().map(Spanned::span)),
    ];
    for (key, place) in keys {
        let own = matches!(key, "client_certificate" | "private_key");
        match (mode, place) {
            (TlsWord::Mutual, None) if own => {
                problems.push(missing(key, span).help("MUTUAL shows the upstream a certificate"));
            }
            (TlsWord::Disable, Some(place)) => problems.push(idle(place, key, "DISABLE")),
            (TlsWord::Simple, Some(place)) if own => problems.push(idle(place, key, "SIMPLE")),
            _ => {}
        }
    }
}

fn idle(span: Span, key: &str, mode: &str) -> Problem {
    let title = format!("`{key}` has no effect with mode {mode}");
    Problem::new(
        span,
        title,
        format!("expected no `{key}`, or another `mode`"),
    )
}

impl RawTraffic {
    /// Whether the gateway speaks TLS to the upstream.
    pub(super) fn originates_tls(&self) -> bool {
        let mode = self
            .tls
            .as_ref()
            .and_then(|tls| tls.get_ref().mode.as_ref());
        mode.is_some_and(|mode| *mode.get_ref() != TlsWord::Disable)
    }

    pub(super) fn into_policy(self, subject_alt_names: Vec<HostName>) -> TrafficPolicy {
        let tcp = self.connection_pool.tcp;
        TrafficPolicy {
            pool: ConnectionPool {
                max_connections: tcp.max_connections.0,
                connect_timeout: tcp.connect_timeout.0,
                idle_timeout: tcp.idle_timeout.0,
                max_connection_duration: tcp.max_connection_duration.0,
                keepalive: tcp.tcp_keepalive.map(|keepalive| {
                    let RawKeepalive {
                        time,
                        interval,
                        probes,
                    } = keepalive.into_inner();
                    Keepalive {
                        time,
                        interval,
                        probes: probes.into(),
                    }
                }),
            },
            outlier: self.outlier_detection.map(|outlier| {
                let outlier = outlier.into_inner();
                OutlierDetection {
                    consecutive_failures: outlier.consecutive_connect_failures,
                    base_ejection_time: outlier.base_ejection_time,
                    max_ejection_time: outlier.max_ejection_time,
                    max_ejection_percent: outlier.max_ejection_percent,
                }
            }),
            balancer: self.load_balancer,
            proxy_protocol: self.proxy_protocol.map(Spanned::into_inner),
            tls: self
                .tls
                .and_then(|tls| tls.into_inner().into_client(subject_alt_names)),
        }
    }
}

impl RawTls {
    fn into_client(self, subject_alt_names: Vec<HostName>) -> Option<ClientTls> {
        let mode = match self.mode?.into_inner() {
            TlsWord::Disable => return None,
            TlsWord::Simple => ClientTlsMode::Simple,
            TlsWord::Mutual => ClientTlsMode::Mutual {
                client_certificate: self.client_certificate?.into_inner(),
                private_key: self.private_key?.into_inner(),
            },
        };
        Some(ClientTls {
            mode,
            sni: self.sni.map(Spanned::into_inner),
            ca_certificates: self.ca_certificates.map(Spanned::into_inner),
            subject_alt_names,
        })
    }
}
