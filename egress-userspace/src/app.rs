//! The running gateway: puts the parts together, follows the configuration, and ends in order.

mod build;
mod guard;
mod namespaces;
mod observe;
mod start;

use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, interval, sleep};
use tracing::{error, info, warn};

use crate::account::{LogWriter, Metrics};
use crate::admin::Readiness;
use crate::config::Config;
use crate::conn::Gateway;
use crate::dial::Dialer;
use crate::drain::Drain;
use crate::kernel::Kernel;
use crate::net::Mark;
use crate::reload::{Trigger, Watch};
use crate::settings;
use crate::types::Generation;

/// When another gateway has taken over, a handshake that began before is over well within this time.
const LAST_CONNECTIONS: Duration = Duration::from_secs(1);

/// How often it is looked for governed cgroups that were removed and made again: a call of stat(2) each.
/// What a new one's processes do before is not governed.
const RENEW: Duration = Duration::from_millis(250);

/// What outlives connections.
struct App {
    path: PathBuf,
    config: Config,
    generation: Generation,
    kernel: Kernel,
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    mark: Arc<dyn Mark>,
    readiness: watch::Sender<Readiness>,
    drain: Drain,
    admin: JoinSet<()>,
    log: LogWriter,
}

/// Runs the gateway until SIGTERM, SIGINT, or until another takes its place. A configuration that cannot be read is a
/// [`ReadError`](crate::config::ReadError).
pub fn run(path: PathBuf, take_over: bool) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(async {
            // Before the file is read: a change or a signal while the gateway starts is not missed.
            let watch = Watch::new(&path).context("watching the configuration")?;
            let stop = Stop::new().context("waiting for signals")?;
            let config = Config::read(&path)?;
            let app = App::start(path, config, take_over).await?;
            app.until_told_to_stop(watch, stop).await
        })
}

impl App {
    /// Follows the configuration until a signal, then drains. Connections that come meanwhile are
    /// refused, unless another gateway takes them.
    async fn until_told_to_stop(mut self, mut watch: Watch, mut stop: Stop) -> anyhow::Result<()> {
        self.readiness.send_replace(Readiness::Ready);
        info!(services = self.config.services.len(), "ready");
        let mut renew = interval(RENEW);
        let told = loop {
            // A watch that is asked again starts its waiting anew, so it is asked once for each change.
            let change = pin!(watch.next());
            match self.next_event(change, &mut renew, &mut stop).await {
                Event::Change(trigger) => self.reload(trigger).await,
                Event::Told(told) => break told,
            }
        };
        self.readiness.send_replace(Readiness::Draining);
        if told == Told::HandOver {
            info!("another gateway takes over");
            self.admin.shutdown().await;
            sleep(LAST_CONNECTIONS).await;
        }
        tokio::select! {
            () = self.drain.run(self.config.gateway.drain) => {}
            _ = stop.told() => self.drain.cut().await,
        }
        self.log
            .finish()
            .await
            .context("writing the last lines of the access log")?;
        info!("ended");
        Ok(())
    }

    /// Waits for what the configuration or a signal asks for, and looks after the cgroups meanwhile.
    async fn next_event(
        &mut self,
        mut change: Pin<&mut impl Future<Output = Trigger>>,
        renew: &mut Interval,
        stop: &mut Stop,
    ) -> Event {
        loop {
            tokio::select! {
                trigger = &mut change => return Event::Change(trigger),
                told = stop.told() => return Event::Told(told),
                _ = renew.tick() => self.renew(),
            }
        }
    }

    /// Governs cgroups that were made again since the last look.
    fn renew(&mut self) {
        match self.kernel.renew(&settings::cgroups(&self.config)) {
            Ok(renewed) => {
                for path in renewed {
                    warn!(cgroup = %path.display(), "was made again, and is governed again");
                }
            }
            Err(error) => error!(%error, "cannot govern a cgroup that was made again"),
        }
    }

    /// Reads the file again. Whatever is wrong with it, all stays as it was.
    async fn reload(&mut self, trigger: Trigger) {
        match self.try_reload().await {
            Ok(()) => {
                self.metrics.reloaded(self.generation);
                let services = self.config.services.len();
                info!(
                    ?trigger,
                    generation = self.generation.0,
                    services,
                    "configuration reloaded"
                );
            }
            Err(error) => {
                self.metrics.reload_refused();
                error!(
                    ?trigger,
                    "configuration refused, the last one stays in force: {error:#}"
                );
            }
        }
    }

    async fn try_reload(&mut self) -> anyhow::Result<()> {
        let config = Config::read(&self.path)?;
        let generation = Generation(self.generation.0 + 1);
        let dialer = self.dialer_for(&config)?;
        let live = build::live(&config, generation, dialer).await?;
        self.kernel
            .set_reach(&settings::reach(&config, &build::resolvers(&config)?))?;
        self.gateway.live.store(Arc::new(live));
        if settings::need_restart(&self.config, &config) {
            warn!(
                "what changed in [limits], [admin], [access_log], or in [gateway] other than mode, outbound_traffic_policy, internal and drain, takes effect at the next start"
            );
        }
        self.config = config;
        self.generation = generation;
        Ok(())
    }

    /// The dialer that there is, with its cache of names, unless its settings have changed.
    fn dialer_for(&self, config: &Config) -> anyhow::Result<Arc<Dialer>> {
        if config.dns == self.config.dns && config.dial == self.config.dial {
            return Ok(Arc::clone(&self.gateway.live.load().dialer));
        }
        build::dialer(config, Arc::clone(&self.mark))
    }
}

/// The signals that end the gateway.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hand_over: Signal,
}

/// What a running gateway waits for.
enum Event {
    /// The configuration may have changed.
    Change(Trigger),
    /// A signal came.
    Told(Told),
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// End.
    Stop,
    /// End: another gateway has the programs, and all new connections.
    HandOver,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hand_over: signal(SignalKind::user_defined2())?,
        })
    }

    async fn told(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hand_over.recv() => Told::HandOver,
        }
    }
}
