//! The running gateway: puts the parts together, follows the configuration, and ends in order.

mod acceptor;
mod build;
mod cluster;
mod desk;
mod finish;
mod follow;
mod guard;
mod heir;
mod listeners;
mod manager;
mod namespaces;
mod observe;
mod owned;
mod processes;
mod read;
mod records;
mod scopes;
mod start;
mod successor;
mod vital;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Interval, interval, sleep};
use tracing::{error, info, warn};

use crate::account::Metrics;
use crate::admin::{Place, Readiness, Standing};
use crate::config::{Config, LastGood};
use crate::conn::{Gateway, Live, RemoteListener};
use crate::dial::Memory;
use crate::drain::Drain;
use crate::kernel::Kernel;
use crate::logging::Diagnostics;
use crate::reload::Watch;
use crate::settings;
use crate::types::Generation;

use desk::Operator;
use finish::Finish;
use follow::Reasons;
use heir::Heir;
use manager::Watchdog;
use records::Writers;
use successor::Successor;
use vital::{BrokenOff, Vital};

/// When another gateway has taken over, a handshake that began before is over within this time: also one of which a
/// packet had to be sent again, which is done after a second (RFC 6298 section 2).
const LAST_CONNECTIONS: Duration = Duration::from_secs(3);

/// How often it is looked for governed cgroups that were removed and made again: a call of stat(2) each.
/// What a new one's processes do before is not governed.
const RENEW: Duration = Duration::from_millis(250);

/// Orders that wait for the one before them: more operators than ever give one at once.
const ORDERS: usize = 16;

/// The first policy's number.
const FIRST: Generation = Generation(1);

/// What outlives connections.
struct App {
    path: PathBuf,
    /// Without its registry.
    config: Config,
    /// How many services the registry has.
    services: usize,
    /// Who is asked for names.
    resolvers: Vec<SocketAddr>,
    generation: Generation,
    kernel: Kernel,
    gateway: Arc<Gateway>,
    /// What reloads have replaced, and connections that were being made then may still use.
    retired: Vec<Arc<Live>>,
    metrics: Arc<Metrics>,
    readiness: watch::Sender<Readiness>,
    drain: Drain,
    admin: JoinSet<()>,
    /// Those for callers of other nodes.
    listeners: Vec<Arc<RemoteListener>>,
    /// Where the admin API is found.
    socket: Option<Place>,
    /// What the admin API tells of the configuration.
    standing: watch::Sender<Standing>,
    records: Writers,
    watchdog: Watchdog,
    successor: Successor,
    vital: Vital,
}

/// Runs the gateway until SIGTERM, SIGINT, or until another takes its place. A configuration that cannot be read is a
/// [`ReadError`](crate::config::ReadError).
///
/// With `await_stop` it ends after a signal only, even if another has taken its place; or with an error, if that other
/// has ended. `diagnostics` say how much is told
/// of it.
pub fn run(
    path: PathBuf,
    take_over: bool,
    await_stop: bool,
    diagnostics: Diagnostics,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(async {
        // Before the file is read: a change or a signal while the gateway starts is not missed.
        let mut watch = Watch::new(&path).context("watching the configuration")?;
        let mut stop = Stop::new().context("waiting for signals")?;
        let successor = Successor::new().context("waiting for signals")?;
        let memory = Arc::<Memory>::default();
        let built = build::read(&path, &LastGood::default(), FIRST, &memory)?;
        watch.follow(&built.sources, built.read);
        let (tell, orders) = mpsc::channel(ORDERS);
        let operator = Operator {
            orders: tell,
            diagnostics,
        };
        let starting = App::start(
            path, built, memory, take_over, operator, successor, &mut stop,
        );
        let app = Box::pin(starting).await?;
        app.until_told_to_stop(Reasons { watch, orders }, stop, await_stop)
            .await
    });
    // Not by dropping it: that waits for threads on which something may still wait for a name.
    runtime.shutdown_background();
    ended
}

impl App {
    /// Follows the configuration until a signal, then drains. Connections that come meanwhile are
    /// refused, unless another gateway takes them.
    async fn until_told_to_stop(
        mut self,
        mut reasons: Reasons,
        mut stop: Stop,
        await_stop: bool,
    ) -> anyhow::Result<()> {
        self.readiness.send_replace(Readiness::Ready);
        manager::ready(self.services, self.generation);
        info!(services = self.services, "ready");
        let mut renew = interval(RENEW);
        let told = loop {
            let reloaded = self.reload_once(&mut reasons, &mut renew, &mut stop).await;
            if let Err(told) = reloaded {
                break told;
            }
        };
        // Who still gives orders is told that it ends.
        drop(reasons);
        self.readiness.send_replace(Readiness::Draining);
        match self.successor.pid() {
            // It may be a gateway of somebody else that takes over while a successor starts.
            Some(pid)
                if told == Told::HandOver
                    && self.kernel.served_by().is_ok_and(|serving| serving == pid) =>
            {
                manager::succeeded_by(pid);
                // Only the service's own process is heard.
                self.watchdog = Watchdog::default();
            }
            _ => {
                self.successor.abandon();
                manager::stopping(self.drain.connections.len());
            }
        }
        if let Told::Broken(broken) = told {
            error!("{broken}");
        }
        if told == Told::HandOver {
            info!("another gateway takes over");
            self.admin.shutdown().await;
            sleep(LAST_CONNECTIONS).await;
        }
        let mut heir = Heir::default();
        let finish = Finish {
            drain: &self.drain,
            patience: self.config.gateway.drain,
            vital: &mut self.vital,
            watchdog: &mut self.watchdog,
            is_awaited: await_stop && told == Told::HandOver,
        };
        // Where it can't be known it is there.
        let is_gone = || {
            let serving = self.kernel.served_by();
            serving.is_ok_and(|serving| heir.is_gone(serving))
        };
        let finished = finish.connections(&mut stop, is_gone).await;
        self.records.finish().await?;
        finished?;
        if let Told::Broken(broken) = told {
            return Err(broken.into());
        }
        info!("ended");
        Ok(())
    }

    /// Waits for `event`, and looks after what has to be looked after meanwhile; or until a signal says
    /// to end.
    async fn meanwhile<T>(
        &mut self,
        event: impl Future<Output = T>,
        renew: &mut Interval,
        stop: &mut Stop,
    ) -> Result<T, Told> {
        let mut event = pin!(event);
        loop {
            tokio::select! {
                happened = &mut event => return Ok(happened),
                told = stop.told() => return Err(told),
                broken = self.vital.ended() => return Err(Told::Broken(broken)),
                () = self.successor.asked() => self.successor.start(),
                _ = renew.tick() => {
                    self.renew();
                    self.watchdog.alive();
                    let serving = || self.kernel.served_by().ok();
                    if self.successor.failed(serving) {
                        manager::not_succeeded(self.generation);
                    }
                }
            }
        }
    }

    /// Governs cgroups that were made again since the last look, and lets go of what no connection
    /// uses any more, and of names that have ended.
    fn renew(&mut self) {
        self.gateway.dns.learned().forget_ended();
        match self.kernel.renew(&settings::cgroups(&self.config)) {
            Ok(renewed) => {
                for path in renewed {
                    warn!(cgroup = %path.display(), "was made again, and is governed again");
                }
            }
            Err(error) => error!(%error, "cannot govern a cgroup that was made again"),
        }
        for unused in self
            .retired
            .extract_if(.., |live| Arc::strong_count(live) == 1)
        {
            // A large policy takes a while to take apart.
            spawn_blocking(move || drop(unused));
        }
    }
}

/// The signals that end the gateway.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hand_over: Signal,
}

/// Why the gateway ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A signal.
    Stop,
    /// A signal: another gateway has the programs, and all new connections.
    HandOver,
    /// Something without which it cannot go on is over.
    Broken(BrokenOff),
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
