//! What the configuration means to each module.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use crate::account::LogDestination;
#[cfg(feature = "otel")]
use crate::account::OtelSettings;
use crate::config::{
    Config, DnsForwarder, Gateway, Limits, LogPath, LoopbackAddr, RelayMode, ShadowPolicy,
    SocketWord,
};
use crate::conn::{Bounds, SniffSettings};
use crate::dial::{DialSettings, DnsSettings, SPARE_ATTEMPTS};
use crate::dns::{ForwardSettings, Scope};
use crate::kernel::{LISTEN_PORTS, PodPaths, Reach, Setup, SocketKind};
use crate::policy::address_rules_below;
use crate::types::{
    AddressAction, AddressRule, Listener, ListenerProtocol, Mode, OutboundTrafficPolicy,
    PeerIdentity, Transport,
};
use crate::{pods, policy, relay, sniff};

/// The client's socket and the upstream's. While it is dialled a connection may have three more, taken
/// from those that all connections share.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;
/// Where TLS with the client ends here, besides: its socket, and the far end of the pair that takes its place.
const DESCRIPTORS_OF_TLS: u64 = 2;
/// Of a network namespace, at each of its two loopback addresses: a listener, and a socket for DNS queries.
const DESCRIPTORS_PER_NAMESPACE: u64 = 4;
/// As many pods as the largest nodes of usual clusters have (250, and the gateway's own).
const NAMESPACES: u64 = 256;
/// Maps, programs, links, reactors, the log, and, most of it, the relay's 256 pipes.
const OWN_DESCRIPTORS: u64 = 1_024 + NAMESPACES * DESCRIPTORS_PER_NAMESPACE;

/// For the kernel side.
pub(crate) fn setup(config: &Config, reach: Reach, take_over: bool) -> Setup {
    Setup {
        attach: config.gateway.attach.clone(),
        listen_port: config.gateway.listen_port,
        sockets: config
            .gateway
            .sockets
            .iter()
            .map(|kind| match kind {
                SocketWord::Ping => SocketKind::Ping,
                SocketWord::Raw => SocketKind::Raw,
            })
            .collect(),
        reach,
        bpffs: config.gateway.bpffs.clone(),
        on_exit: config.gateway.on_exit,
        deny_errno: config.gateway.deny_errno,
        established: config.gateway.established,
        strict: config.gateway.strict,
        take_over,
        pods: config.kubernetes.as_ref().map(|kubernetes| {
            let root = kubernetes.cgroup_root.clone();
            PodPaths::new(move |path| pods::pod(path, root.as_str()))
        }),
    }
}

/// The ports that listeners may have.
pub(crate) fn ports(config: &Config) -> Range<u16> {
    let first = config.gateway.listen_port;
    first..first.saturating_add(LISTEN_PORTS)
}

/// Which connections concern the gateway. Without a forwarder, names may be asked for at the gateway's own
/// `resolvers`.
pub(crate) fn reach(config: &Config, resolvers: &[SocketAddr]) -> Reach {
    let options = policy(config);
    let ceilings = &config.namespaces.ceilings;
    let mut addresses = address_rules_below(ceilings, &config.services, &config.routes, options);
    let asked = resolvers.iter().filter(|_| !forwards(config));
    addresses.extend(asked.flat_map(|server| {
        [Transport::Udp, Transport::Tcp].map(|transport| AddressRule {
            transport,
            port: server.port(),
            net: server.ip().into(),
            action: AddressAction::Allow,
        })
    }));
    let internal = config.gateway.internal.iter();
    Reach {
        cgroups: cgroups(config),
        internal: internal.map(|internal| internal.net()).collect(),
        addresses,
        audit: options.mode == Mode::Audit,
        open: options.outbound == OutboundTrafficPolicy::AllowAny,
        dns: forwards(config),
    }
}

/// The governed cgroups, as paths below the cgroup v2 mount.
pub(crate) fn cgroups(config: &Config) -> BTreeSet<PathBuf> {
    let cgroups = config.scopes.iter().flat_map(|scope| &scope.cgroups);
    cgroups.map(|path| path.as_str().into()).collect()
}

/// For the policy.
pub(crate) fn policy(config: &Config) -> policy::Options {
    policy::Options {
        mode: config.gateway.mode,
        outbound: config.gateway.outbound_traffic_policy,
        learns_names: forwards(config),
    }
}

/// What an explanation has to know beside the policy.
pub(crate) fn surroundings(config: &Config) -> policy::Surroundings {
    let internal = config.gateway.internal.iter();
    let cgroups = config.scopes.iter().flat_map(|scope| &scope.cgroups);
    policy::Surroundings {
        internal: internal.map(|internal| internal.net()).collect(),
        governed: cgroups.map(|path| path.as_str().into()).collect(),
    }
}

/// For the shadow policy. Names are learned, or not, as the enforced one has it.
pub(crate) fn shadow_policy(config: &Config, shadow: &ShadowPolicy) -> policy::Options {
    policy::Options {
        mode: shadow.mode,
        outbound: shadow.outbound_traffic_policy,
        ..policy(config)
    }
}

/// For the resolver.
pub(crate) fn dns(config: &Config) -> DnsSettings {
    let dns = &config.dns;
    DnsSettings {
        servers: dns.servers.clone(),
        timeout: dns.timeout,
        attempts: dns.attempts,
        cache_size: dns.cache_size,
        max_ttl: dns.max_ttl,
    }
}

/// For the DNS forwarder; `servers` are the gateway's own.
pub(crate) fn forwarder(config: &Config, servers: Vec<SocketAddr>) -> ForwardSettings {
    let dns = &config.dns;
    ForwardSettings {
        scope: match dns.forwarder {
            DnsForwarder::Off => Scope::Off,
            DnsForwarder::Allowed => Scope::Allowed,
            DnsForwarder::All => Scope::All,
        },
        mode: config.gateway.mode,
        outbound: config.gateway.outbound_traffic_policy,
        servers,
        resolvers: dns.resolvers.clone(),
        internal_domains: dns.internal_domains.clone(),
        timeout: dns.timeout,
        attempts: dns.attempts,
        max_ttl: dns.max_ttl,
        grace: dns.grace,
        max_name: dns.max_name.into(),
        queries_per_second: dns.queries_per_second,
        names_per_caller: dns.names_per_caller as usize,
    }
}

/// Whether governed processes' questions to DNS servers are the gateway's.
fn forwards(config: &Config) -> bool {
    config.dns.forwarder != DnsForwarder::Off
}

/// For upstream connections.
pub(crate) fn dial(config: &Config) -> DialSettings {
    DialSettings {
        connect_timeout: config.dial.connect_timeout,
        attempt_delay: config.dial.attempt_delay,
        grace: config.dns.grace,
        locality: config.gateway.locality.clone(),
    }
}

/// For first messages.
pub(crate) fn sniff(config: &Config) -> SniffSettings {
    SniffSettings {
        named: sniff::Limits {
            cap: config.sniff.max_bytes.bytes(),
            deadline: config.sniff.timeout,
        },
        unregistered: config.sniff.detect_timeout,
    }
}

/// For the relay.
pub(crate) fn relay(config: &Config) -> relay::Options {
    relay::Options {
        mode: match config.relay.mode {
            RelayMode::Auto => relay::Mode::Auto,
            RelayMode::Splice => relay::Mode::Splice,
            RelayMode::Copy => relay::Mode::Copy,
        },
        idle_timeout: config.relay.idle_timeout,
        max_duration: None,
        keepalive: None,
        max_pipes: relay::Options::DEFAULT_MAX_PIPES,
    }
}

/// For the limits.
pub(crate) fn bounds(config: &Config) -> Bounds {
    Bounds {
        connections: config.limits.connections as usize,
        per_cgroup: config.limits.connections_per_cgroup as usize,
        sniff_memory: config.limits.sniff_memory.bytes(),
    }
}

/// For the access log.
pub(crate) fn log(config: &Config) -> LogDestination {
    match &config.access_log.path {
        LogPath::Stdout => LogDestination::Stdout,
        LogPath::Syslog => LogDestination::Syslog("/dev/log".into()),
        LogPath::Journald => LogDestination::Journald("/run/systemd/journal/socket".into()),
        LogPath::File(path) => LogDestination::File(path.clone()),
    }
}

/// For the export of telemetry; `None`: there is none. As many spans as lines wait.
#[cfg(feature = "otel")]
pub(crate) fn otel(config: &Config) -> Option<OtelSettings> {
    let endpoint = config.otel.endpoint.as_ref()?;
    Some(OtelSettings {
        endpoint: endpoint.uri().clone(),
        interval: config.otel.interval,
        queue: config.access_log.queue as usize,
    })
}

/// Where the programs' links and maps are pinned.
pub(crate) fn pins(config: Option<&Config>) -> PathBuf {
    config.map_or_else(
        || Gateway::default().bpffs,
        |config| config.gateway.bpffs.clone(),
    )
}

/// Descriptors that a gateway with these limits and listeners may have open.
pub(crate) fn descriptors(limits: &Limits, listeners: &[Listener]) -> u64 {
    let mut listeners = listeners.iter();
    let ends_tls = listeners.any(|listener| listener.identity != PeerIdentity::Address);
    let more = if ends_tls { DESCRIPTORS_OF_TLS } else { 0 };
    u64::from(limits.connections) * (DESCRIPTORS_PER_CONNECTION + more)
        + SPARE_ATTEMPTS as u64
        + OWN_DESCRIPTORS
}

/// What of its listeners a running gateway can't change.
fn places(config: &Config) -> Vec<(&str, SocketAddr, ListenerProtocol)> {
    let listeners = config.listeners.iter();
    listeners
        .map(|listener| (&*listener.name, listener.address, listener.protocol))
        .collect()
}

/// The ports of this node that the gateway itself listens on.
pub(crate) fn own_ports(config: &Config) -> Vec<u16> {
    let admin = &config.admin;
    let served = [
        admin.metrics,
        admin.health,
        admin.api.map(LoopbackAddr::socket_addr),
    ];
    let listeners = config
        .listeners
        .iter()
        .map(|listener| listener.address.port());
    let served = served.into_iter().flatten().map(|address| address.port());
    listeners.chain(served).chain(ports(config)).collect()
}

/// Whether something differs that a running gateway can't change.
pub(crate) fn need_restart(old: &Config, new: &Config) -> bool {
    old.gateway.attach != new.gateway.attach
        || old.gateway.bpffs != new.gateway.bpffs
        || old.gateway.on_exit != new.gateway.on_exit
        || old.gateway.listen_port != new.gateway.listen_port
        || old.gateway.sockets != new.gateway.sockets
        || old.gateway.deny_errno != new.gateway.deny_errno
        || old.gateway.established != new.gateway.established
        || old.gateway.strict != new.gateway.strict
        || places(old) != places(new)
        || old.limits != new.limits
        || old.admin != new.admin
        || old.access_log.path != new.access_log.path
        || old.access_log.queue != new.access_log.queue
        || old.otel != new.otel
        || old.kubernetes != new.kubernetes
}
