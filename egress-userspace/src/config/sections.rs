//! The sections of the file, other than the registry: every key with its default and its range.
//!
//! `config/README.md` has a line for each key; a test compares the two.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_spanned::Spanned;

use super::endpoint::Endpoint;
use super::net::{InternalNet, LoopbackAddr};
use super::paths::{LogPath, SidePath, SocketPath};
use super::section::section;
use super::units::{ByteSize, Fraction};
use super::words::{DnsForwarder, RelayMode, SocketWord};
use crate::types::{
    DenyErrno, Established, HostName, Locality, Mode, OnExit, OnRevoke, OutboundTrafficPolicy,
};

section! {
    /// `[gateway]`: what it does, and where it stands.
    pub Gateway = "gateway" {
        /// Whether denials take effect.
        mode: Mode = Mode::Enforce;
        /// What happens to what no service admits.
        outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy::RegistryOnly;
        /// Destinations inside the mesh: they pass untouched.
        internal: Vec<InternalNet> = Vec::new();
        /// The cgroup v2 directory that the programs attach to; `None`: the cgroup v2 mount.
        attach: Option<PathBuf> = None;
        /// Where programs and maps are pinned, in a BPF file system.
        bpffs: PathBuf = PathBuf::from("/sys/fs/bpf/egress");
        /// What is left of enforcement when the gateway ends.
        on_exit: OnExit = OnExit::Closed;
        /// Where redirected connections arrive: Istio's port for it.
        listen_port: u16 = 15001, within 1..=u16::MAX;
        /// Kinds of sockets that governed processes may make beside TCP and UDP.
        sockets: Vec<SocketWord> = Vec::new();
        /// What calls fail with that the kernel refuses.
        deny_errno: DenyErrno = DenyErrno::Eperm;
        /// What becomes of TCP connections that are older than the programs.
        established: Established = Established::Stop;
        /// Whether what comes out of governed network namespaces is judged on their veths' host side too.
        strict: bool = true;
        /// How long SIGTERM waits for live connections; Istio's default.
        drain: Duration = Duration::from_secs(5), within Duration::ZERO..=Duration::from_hours(1);
        /// What becomes of connections that a new policy forbids, where their service does not say it.
        on_revoke: OnRevoke = OnRevoke::Close;
        /// Where the gateway is: endpoints near it are preferred.
        locality: Option<Locality> = None;
        /// A whole configuration file whose policy is judged beside this one's, and only counted.
        shadow: Option<Spanned<SidePath>> = None;
    }
}

section! {
    /// `[dns]`: who is asked for addresses.
    pub Dns = "dns" {
        /// Servers; empty: those of the system's resolv.conf.
        servers: Vec<SocketAddr> = Vec::new();
        /// How long a lookup may take, with all its attempts.
        timeout: Duration = Duration::from_secs(2),
            within Duration::from_millis(10)..=Duration::from_mins(1);
        /// How often a lookup is tried; resolv.conf's default.
        attempts: u8 = 2, within 1..=10;
        /// Answers kept in the cache.
        cache_size: u64 = 8192, within 1..=1_000_000;
        /// Longest time an answer is kept, whatever its TTL says.
        max_ttl: Duration = Duration::from_hours(1),
            within Duration::from_secs(1)..=Duration::from_hours(24);
        /// Whether governed processes' own lookups go through the gateway.
        forwarder: DnsForwarder = DnsForwarder::Allowed;
        /// Servers that governed processes may ask, beside `servers`.
        resolvers: Vec<SocketAddr> = Vec::new();
        /// Names below these are forwarded although no service has them.
        internal_domains: Vec<HostName> = Vec::new();
        /// How long after its TTL a name still stands for an address: clients and connection pools
        /// keep addresses longer than they should.
        grace: Duration = Duration::from_mins(10),
            within Duration::ZERO..=Duration::from_hours(24);
        /// Longest name that is forwarded: a tunnel wants long ones, and hardly a host's has half of
        /// the 253 bytes that RFC 1035 allows.
        max_name: u8 = 128, within 16..=253;
        /// Lookups of one caller: a page with many hosts is far below it, a tunnel far above.
        queries_per_second: u32 = 100, within 1..=100_000;
        /// Names that are remembered of one caller, so that none fills the gateway's memory.
        names_per_caller: u32 = 4096, within 1..=1_000_000;
    }
}

section! {
    /// `[sniff]`: how long and how far a first message is read.
    pub Sniff = "sniff" {
        /// On a port whose services want a name.
        timeout: Duration = Duration::from_secs(5),
            within Duration::from_millis(10)..=Duration::from_mins(1);
        /// On a port that no service has: only the log is better for a name.
        detect_timeout: Duration = Duration::from_millis(200),
            within Duration::from_millis(1)..=Duration::from_secs(10);
        /// Longest first message: a `ClientHello` fits in one TLS record of 2^14 bytes.
        max_bytes: ByteSize = ByteSize::kib(16), within ByteSize::kib(1)..=ByteSize::kib(64);
    }
}

section! {
    /// `[dial]`: how upstream connections are made.
    pub Dial = "dial" {
        /// How long all attempts together may take; Istio's default.
        connect_timeout: Duration = Duration::from_secs(10),
            within Duration::from_millis(10)..=Duration::from_mins(5);
        /// When the next address is tried beside one that has not answered: RFC 8305 section 8,
        /// which also gives the range.
        attempt_delay: Duration = Duration::from_millis(250),
            within Duration::from_millis(10)..=Duration::from_secs(2);
    }
}

section! {
    /// `[relay]`: how bytes are moved.
    pub Relay = "relay" {
        /// The engine.
        mode: RelayMode = RelayMode::Auto;
        /// A connection without bytes for this long ends; `None` (`"0s"`): never. Istio's default.
        idle_timeout: Option<Duration> = Some(Duration::from_hours(1)),
            within None..=Some(Duration::from_hours(7 * 24));
    }
}

section! {
    /// `[limits]`: what bounds memory and descriptors.
    pub Limits = "limits" {
        /// Live connections in all.
        connections: u32 = 8192, within 1..=1_000_000;
        /// Live connections of one caller's cgroup, or of one address at a listener.
        connections_per_cgroup: u32 = 2048, within 1..=1_000_000;
        /// Memory for first messages in all: enough for every connection to have one at once.
        sniff_memory: ByteSize = ByteSize::mib(136), within ByteSize::kib(64)..=ByteSize::mib(16 * 1024);
    }
}

section! {
    /// `[admin]`: what operators talk to; `None` (`"off"`): not served.
    pub Admin = "admin" {
        /// `/metrics` and `/stats/prometheus`.
        metrics: Option<SocketAddr> = Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 15020));
        /// `/healthz/ready` and `/healthz/live`.
        health: Option<SocketAddr> = Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 15021));
        /// The whole API, for root and the gateway's own user.
        socket: SocketPath = SocketPath::At("/run/egress/admin.sock".into());
        /// What of the API only reads, and the status page, for whoever is on the node.
        api: Option<LoopbackAddr> = None;
    }
}

section! {
    /// `[access_log]`: one line for each connection.
    pub AccessLog = "access_log" {
        /// Where lines go.
        path: LogPath = LogPath::Stdout;
        /// Lines that wait for a slow writer; more are dropped, and counted.
        queue: u32 = 8192, within 1..=1_000_000;
        /// The share of connections with a line, of those that are allowed and end in order; all others have one.
        sample: Fraction = Fraction::ALL, within Fraction::NONE..=Fraction::ALL;
    }
}

section! {
    /// `[otel]`: telemetry for an OpenTelemetry collector.
    pub Otel = "otel" {
        /// The collector's URL, plain HTTP; `None` (`"off"`): nothing is exported. Wants a gateway that is built with it.
        endpoint: Option<Endpoint> = None;
        /// Between two exports of the metrics.
        interval: Duration = Duration::from_mins(1), within Duration::from_secs(1)..=Duration::from_hours(1);
    }
}
