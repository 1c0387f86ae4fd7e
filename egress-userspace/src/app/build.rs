//! Builds what a configuration describes.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::spawn_blocking;

use crate::config::Config;
use crate::conn::Live;
use crate::dial::{self, Dialer, HickoryResolver};
use crate::net::Mark;
use crate::policy::Policy;
use crate::settings;
use crate::types::Generation;

/// Compiles the policy, on a thread of its own: a large registry takes seconds.
pub(super) async fn live(
    config: &Config,
    generation: Generation,
    dialer: Arc<Dialer>,
) -> anyhow::Result<Live> {
    let options = settings::policy(config);
    let (services, routes) = (config.services.clone(), config.routes.clone());
    let policy = spawn_blocking(move || Policy::compile(&services, &routes, options, generation))
        .await
        .context("compiling the policy")?;
    Ok(Live {
        policy,
        dialer,
        sniff: settings::sniff(config),
        relay: settings::relay(config),
    })
}

/// Who may be asked for names, by the gateway and by governed processes.
pub(super) fn resolvers(config: &Config) -> anyhow::Result<Vec<SocketAddr>> {
    dial::servers(&settings::dns(config)).context("reading who is asked for names")
}

/// A dialer with a cache of its own.
pub(super) fn dialer(config: &Config, mark: Arc<dyn Mark>) -> anyhow::Result<Arc<Dialer>> {
    let resolver = HickoryResolver::new(&settings::dns(config), Arc::clone(&mark))
        .context("setting up the resolver")?;
    Ok(Arc::new(Dialer::new(
        settings::dial(config),
        Arc::new(resolver),
        mark,
    )))
}
