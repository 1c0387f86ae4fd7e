//! Builds what a configuration describes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;

use crate::config::{Config, ConfigErrors, LastGood, ShadowPolicy};
use crate::conn::{Live, Terms};
use crate::dial::{self, Contexts, Dialer, HickoryResolver};
use crate::dns::Rules;
use crate::kernel::Reach;
use crate::policy::Policy;
use crate::reload::changed_since;
use crate::settings;
use crate::types::Generation;

use super::read::configuration;

/// Where the system says who is asked for names.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// How long files that change while they are read are read again at once. A change of a moment ago looks
/// like one, and is over well within this time.
const RESTLESS: Duration = Duration::from_secs(1);

/// A configuration, and what its registry was compiled to.
pub(super) struct Built {
    /// Without the registry, which would take as much memory as all else together.
    pub(super) config: Config,
    /// How many services it had, with those of namespaces' own.
    pub(super) services: usize,
    pub(super) policy: Policy,
    pub(super) shadow: Option<Policy>,
    pub(super) reach: Reach,
    /// Of its listeners, in their order.
    pub(super) terms: Vec<Terms>,
    /// How TLS is spoken to upstreams.
    pub(super) contexts: Contexts,
    /// Who is asked for names.
    pub(super) resolvers: Vec<SocketAddr>,
    /// Files and directories that it came from.
    pub(super) sources: Vec<PathBuf>,
    /// When its reading began.
    pub(super) read: SystemTime,
}

/// Reads a file and compiles what it describes. Takes seconds for a large registry, on a thread that may
/// block. Dialling forgets services that no longer are. Files of namespaces that are wrong stay as they were when
/// they were right.
pub(super) fn read(
    path: &Path,
    last_good: &LastGood,
    generation: Generation,
    memory: &dial::Memory,
) -> anyhow::Result<Built> {
    let begun = Instant::now();
    loop {
        let read = SystemTime::now();
        let config = configuration(path, last_good)?;
        // Else it may be partly of before a change and partly of after it.
        if begun.elapsed() > RESTLESS || !changed_since(&config.sources, read) {
            return compile(config, generation, read, memory);
        }
    }
}

/// Compiles a configuration that was read from then on.
fn compile(
    mut config: Config,
    generation: Generation,
    read: SystemTime,
    memory: &dial::Memory,
) -> anyhow::Result<Built> {
    let resolvers =
        dial::servers(&settings::dns(&config)).context("reading who is asked for names")?;
    let reach = settings::reach(&config, &resolvers);
    let services = std::mem::take(&mut config.services);
    let tls = services
        .iter()
        .filter_map(|service| service.traffic.tls.as_ref());
    let contexts = Contexts::load(tls).context("preparing TLS to upstreams")?;
    let terms = config.listeners.iter().map(|listener| {
        let terms = Terms::load(listener);
        terms.with_context(|| format!("preparing the listener `{}`", listener.name))
    });
    let terms = terms.collect::<anyhow::Result<_>>()?;
    let own = config.namespaces.services();
    let all = services
        .iter()
        .chain(own.flat_map(|(_, services)| services));
    memory.keep(all.map(|service| &service.name));
    let routes = std::mem::take(&mut config.routes);
    let policy = Policy::compile(&services, &routes, settings::policy(&config), generation)
        .with_own(config.namespaces.services());
    let own = config.namespaces.take_services();
    let shadow = config.shadow.take().map(|shadow| {
        let options = settings::shadow_policy(&config, &shadow);
        let ShadowPolicy {
            services,
            routes,
            namespaces,
            ..
        } = *shadow;
        Policy::compile(&services, &routes, options, generation).with_own(namespaces.services())
    });
    Ok(Built {
        services: services.len() + own,
        policy,
        shadow,
        reach,
        terms,
        contexts,
        resolvers,
        sources: sources(&config),
        read,
        config,
    })
}

/// What a connection is served by.
pub(super) fn live(
    config: &Config,
    policy: Policy,
    shadow: Option<Policy>,
    dialer: Dialer,
) -> Live {
    Live {
        policy: Arc::new(policy),
        shadow,
        dialer: Arc::new(dialer),
        sniff: settings::sniff(config),
        relay: Arc::new(settings::relay(config)),
        on_revoke: config.gateway.on_revoke,
    }
}

/// What the DNS forwarder judges by; `servers` are the gateway's own.
pub(super) fn rules(config: &Config, policy: Arc<Policy>, servers: Vec<SocketAddr>) -> Rules {
    Rules {
        policy,
        settings: settings::forwarder(config, servers),
    }
}

/// A dialer with a cache of its own, that knows what those before it learned.
pub(super) fn dialer(config: &Config, memory: Arc<dial::Memory>) -> anyhow::Result<Dialer> {
    let resolver =
        HickoryResolver::new(&settings::dns(config)).context("setting up the resolver")?;
    Ok(Dialer::new(
        settings::dial(config),
        Arc::new(resolver),
        memory,
    ))
}

/// What a change of which may make a wrong configuration right.
pub(super) fn mended_in(errors: &ConfigErrors) -> Vec<PathBuf> {
    [errors.files(), errors.include_dirs()].concat()
}

/// What a change of which makes another configuration.
fn sources(config: &Config) -> Vec<PathBuf> {
    let system = config.dns.servers.is_empty().then(|| RESOLV_CONF.into());
    let listed = [&config.sources, &config.include_dirs];
    listed
        .into_iter()
        .flatten()
        .cloned()
        .chain(system)
        .collect()
}
