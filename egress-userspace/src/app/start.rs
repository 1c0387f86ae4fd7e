//! From a configuration to a gateway at work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::warn;

use crate::account::{AccessLog, Account, Metrics};
use crate::admin::{Readiness, Site, serve};
use crate::config::Config;
use crate::conn::{Gateway, Limits, accept};
use crate::drain::Drain;
use crate::kernel::{Events, Kernel, Parts};
use crate::net::{self, Listeners, Mark};
use crate::settings;
use crate::types::Generation;

use super::observe::{KernelCounters, RelayPipes};
use super::{App, build};

/// The client's socket and the upstream's.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;
/// Listeners, maps, programs, links, DNS sockets, the log, and the relay's pipes.
const OWN_DESCRIPTORS: u64 = 2_048;

/// The first policy's number.
const FIRST: Generation = Generation(1);

impl App {
    /// Makes everything that can fail, attaches the programs, then starts to take connections.
    ///
    /// The listeners are there before a connection is turned to them. What arrives between attaching
    /// and the first accept waits in their backlog.
    pub(super) async fn start(path: PathBuf, config: Config) -> anyhow::Result<Self> {
        let descriptors = net::raise_limit().context("raising the limit on descriptors")?;
        warn_of_descriptors(&config, descriptors);
        let port = config.gateway.listen_port;
        let listeners =
            Listeners::bind(port).with_context(|| format!("listening on port {port}"))?;
        let netns = net::netns_cookie(&listeners.v4).context("asking for the network namespace")?;

        let mut metrics = Metrics::new();
        metrics.register(RelayPipes);
        let (readiness, ready) = watch::channel(Readiness::Starting);

        let (programs, parts) = Kernel::load(&settings::setup(&config, netns))?;
        let Parts {
            origins,
            exempt,
            events,
            counters,
        } = parts;
        metrics.register(KernelCounters(counters));
        let metrics = Arc::new(metrics);
        metrics.reloaded(FIRST);

        let (access_log, log) = AccessLog::open(
            &settings::log(&config),
            config.access_log.queue as usize,
            &metrics,
        )
        .context("opening the access log")?;
        let account = Account::new(Arc::clone(&metrics), access_log);
        let mark: Arc<dyn Mark> = Arc::new(exempt);
        let live = build::live(&config, FIRST, build::dialer(&config, Arc::clone(&mark))?).await?;
        let drain = Drain::default();
        let gateway = Arc::new(Gateway {
            origins,
            account,
            limits: Limits::new(settings::bounds(&config)),
            cut: drain.cutting.clone(),
            live: ArcSwap::from_pointee(live),
            accepted: AtomicU64::new(0),
        });
        serve_admin(&config, &metrics, ready).await?;
        let app = Self {
            path,
            config,
            generation: FIRST,
            kernel: programs.attach()?,
            gateway,
            metrics,
            mark,
            readiness,
            drain,
            log,
        };
        app.serve_refusals(events);
        app.serve_connections(listeners);
        Ok(app)
    }

    fn serve_connections(&self, listeners: Listeners) {
        for listener in [Some(listeners.v4), listeners.v6].into_iter().flatten() {
            let gateway = Arc::clone(&self.gateway);
            let connections = self.drain.connections.clone();
            let serve = move |stream, peer| {
                connections.track_future(Arc::clone(&gateway).serve(stream, peer))
            };
            tokio::spawn(accept(listener, self.drain.accepting.clone(), serve));
        }
    }

    fn serve_refusals(&self, mut events: Events) {
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move {
            loop {
                gateway.record_refusal(events.next().await);
            }
        });
    }
}

async fn serve_admin(
    config: &Config,
    metrics: &Arc<Metrics>,
    ready: watch::Receiver<Readiness>,
) -> anyhow::Result<()> {
    let sites = [
        (config.admin.metrics, Site::Metrics(Arc::clone(metrics))),
        (config.admin.health, Site::Health(ready)),
    ];
    for (address, site) in sites {
        let Some(address) = address else { continue };
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}"))?;
        tokio::spawn(serve(listener, site));
    }
    Ok(())
}

/// Says so if the descriptors do not suffice for the connections that the limits admit.
fn warn_of_descriptors(config: &Config, descriptors: u64) {
    let connections = u64::from(config.limits.connections);
    let needed = connections * DESCRIPTORS_PER_CONNECTION + OWN_DESCRIPTORS;
    if needed > descriptors {
        warn!(
            descriptors,
            needed,
            "limits.connections is more than the limit on open files allows: raise LimitNOFILE, or lower it"
        );
    }
}
