//! What the configuration means to each module.

use crate::account::LogDestination;
use crate::config::{Config, LogPath, RelayMode};
use crate::conn::{Bounds, SniffSettings};
use crate::dial::{DialSettings, DnsSettings};
use crate::kernel::{Reach, Setup};
use crate::{policy, relay, sniff};

/// For the kernel side; `netns` is the namespace that has the listeners.
pub(crate) fn setup(config: &Config, netns: u64) -> Setup {
    Setup {
        attach: config.gateway.attach.clone(),
        listen_port: config.gateway.listen_port,
        netns,
        reach: reach(config),
    }
}

/// Which connections concern the gateway.
pub(crate) fn reach(config: &Config) -> Reach {
    let cgroups = config.scopes.iter().flat_map(|scope| &scope.cgroups);
    let internal = config.gateway.internal.iter();
    Reach {
        cgroups: cgroups.map(|path| path.as_str().into()).collect(),
        internal: internal.map(|internal| internal.net()).collect(),
    }
}

/// For the policy.
pub(crate) fn policy(config: &Config) -> policy::Options {
    policy::Options {
        mode: config.gateway.mode,
        outbound: config.gateway.outbound_traffic_policy,
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

/// For upstream connections.
pub(crate) fn dial(config: &Config) -> DialSettings {
    DialSettings {
        connect_timeout: config.dial.connect_timeout,
        attempt_delay: config.dial.attempt_delay,
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
        LogPath::File(path) => LogDestination::File(path.clone()),
    }
}

/// Whether something differs that a running gateway can't change.
pub(crate) fn need_restart(old: &Config, new: &Config) -> bool {
    old.gateway.attach != new.gateway.attach
        || old.gateway.listen_port != new.gateway.listen_port
        || old.limits != new.limits
        || old.admin != new.admin
        || old.access_log != new.access_log
}
