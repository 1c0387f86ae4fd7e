//! From a configuration to a gateway at work.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::account::Metrics;
use crate::admin::Readiness;
use crate::config::Config;
use crate::conn::{Connections, Gateway, Reactors};
use crate::dial::{Bridges, Memory};
use crate::dns::Forwarder;
use crate::drain::Drain;
use crate::kernel::{Events, Kernel, Loaded, Parts};
use crate::net::{self, Served};
use crate::settings;

use super::acceptor::Acceptor;
use super::build::Built;
use super::cluster::Cluster;
use super::desk::{Desk, Operator};
use super::guard::Guard;
use super::listeners::Listeners;
use super::manager::Watchdog;
use super::namespaces::Keeper;
use super::observe::{self, Observed};
use super::records::Writers;
use super::scopes::Scopes;
use super::successor::Successor;
use super::vital::Vital;
use super::{App, FIRST, Stop, build, owned};

/// How often live connections' bytes are counted: more than once between two scrapes of the usual fifteen
/// seconds. A look at each takes well below a microsecond.
const TRAFFIC: Duration = Duration::from_secs(5);

impl App {
    /// Makes everything that can fail, attaches the programs, then starts to take connections.
    ///
    /// The listeners are there before a connection is turned to them. What arrives between attaching
    /// and the first accept waits in their backlog. Where the programs of a gateway with another layout of
    /// the maps still refuse them, they are made right after those are replaced, and what comes meanwhile waits
    /// as in any namespace without a listener.
    #[expect(
        clippy::too_many_lines,
        reason = "a list of what is made, in the order in which one needs the other"
    )]
    pub(super) async fn start(
        path: PathBuf,
        built: Built,
        memory: Arc<Memory>,
        take_over: bool,
        operator: Operator,
        successor: Successor,
        stop: &mut Stop,
    ) -> anyhow::Result<Self> {
        let Built {
            config,
            services,
            policy,
            shadow,
            reach,
            terms,
            contexts,
            resolvers,
            ..
        } = built;
        let descriptors = net::raise_limit().context("raising the limit on descriptors")?;
        warn_of_descriptors(&config, descriptors);

        let mut metrics = Metrics::new();
        let (readiness, ready) = watch::channel(Readiness::Starting);
        let observed = Observed::new(settings::bounds(&config), &memory, &ready);
        observed.register(&mut metrics)?;

        let cluster = Cluster::of(&config, &mut metrics);
        let pods = cluster.as_ref().map(Cluster::pods).unwrap_or_default();
        let identifier = cluster.as_ref().map(Cluster::identifier);
        let listeners = Listeners::reserve(&config, terms, cluster.as_ref(), take_over)?;

        let setup = settings::setup(&config, reach, take_over);
        let claimed = Kernel::claim(&setup)?;
        // The settings have been written: no program that is attached takes this gateway for a governed process.
        let mut vital = Vital::default();
        if let Some(cluster) = &cluster {
            cluster.follow(&config, &mut vital).await?;
            if claimed.before().is_some() {
                known(cluster, stop).await?;
            }
        }
        let (kernel, taken) = claimed.fill(&setup)?;
        let Parts {
            origins,
            askers,
            early,
            events,
            requests,
            namespaces,
            pods: scopes,
            shown,
            strict,
            before,
        } = taken;
        if let Some(cluster) = &cluster {
            let entries = scopes.clone();
            let identifier = cluster.identifier();
            identifier.holding(move |path| entries.at(path));
        }
        let ports = settings::ports(&config);
        let own = listen_if_let(&ports)?;
        let shown = Arc::new(shown);
        observe::kernel(&mut metrics, &shown);
        let metrics = Arc::new(metrics);
        metrics.reloaded(FIRST);
        owned::count(&metrics, &config.namespaces, &policy);

        let (account, records) = Writers::start(&config, &metrics, &observed)?;
        let dialer = build::dialer(&config, Arc::clone(&memory))?;
        let drain = Drain::default();
        let bridges = Bridges {
            tasks: drain.bridges.clone(),
            cut: drain.cutting.clone(),
        };
        let dialer = dialer.speaking(contexts, bridges.clone());
        let live = build::live(&config, policy, shadow, dialer);
        let rules = build::rules(&config, Arc::clone(&live.policy), resolvers.clone());
        let dns = Forwarder::new(rules, account.clone(), observed.learned, memory);
        let dns = Arc::new(dns.knowing(identifier.clone()));
        let gateway = Arc::new(Gateway {
            origins,
            account,
            limits: observed.limits,
            connections: Connections::new(),
            cut: drain.cutting.clone(),
            bridges,
            live: ArcSwap::from_pointee(live),
            dns,
            identifier,
            accepted: AtomicU64::new(0),
        });
        let (standing, seen) = watch::channel(Self::standing(&path, &config, services));
        let desk = Desk::new(&gateway, shown, ready, seen, cluster.clone(), operator);
        let (admin, socket) = desk.open(&config, &metrics, take_over)?;
        let reactors = Reactors::on_each_core().context("starting the threads of connections")?;
        let acceptor = Acceptor::new(&gateway, &reactors, askers, &drain);
        let (strict, peers) = strict.unzip();
        let guard = Guard::new(strict)?;
        let mut keeper = Keeper::new(acceptor, namespaces, scopes.clone(), guard, ports.clone());
        let governed = kernel.governed();
        let kernel = attach(kernel, &mut keeper, own, &ports).await?;
        if let Some(cluster) = cluster {
            let scopes = Scopes::new(scopes, pods, cluster.freshness());
            let until = drain.accepting.clone();
            let run = scopes.run(governed.clone(), until.clone());
            vital.spawn_until(until, "keeping what holds for pods", run);
            let follow = Arc::clone(&gateway).follow_pods();
            vital.spawn("judging connections by their pods", follow);
        }
        tokio::spawn(keeper.run(requests, early, governed));
        if let Some(peers) = peers {
            tokio::spawn(peers.keep());
        }
        let app = Self {
            path,
            config,
            services,
            resolvers,
            generation: FIRST,
            kernel,
            // The programs are in force: nobody is served before.
            listeners: listeners.open(&gateway, &reactors, &drain, before.is_some())?,
            gateway,
            retired: Vec::new(),
            metrics,
            readiness,
            drain,
            admin,
            socket,
            standing,
            records,
            watchdog: Watchdog::new(),
            successor,
            vital,
        };
        app.look_after_connections(events);
        app.take_over_from(before)?;
        Ok(app)
    }

    /// The last step, up to which another gateway goes on as ever.
    fn take_over_from(&self, before: Option<u32>) -> anyhow::Result<()> {
        if let Some(place) = &self.socket {
            let taken = place.take();
            taken.context("putting the admin socket in its place")?;
        }
        before.map_or(Ok(()), hand_over)
    }

    /// Records those that the kernel side decided on, counts what moves, and ends those that are joined when
    /// all are cut.
    fn look_after_connections(&self, mut events: Events) {
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move { gateway.cut_all().await });
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move {
            let mut ticks = interval(TRAFFIC);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                gateway.tell_traffic();
            }
        });
        let gateway = Arc::clone(&self.gateway);
        tokio::spawn(async move {
            loop {
                gateway.record_decision(events.next().await);
            }
        });
    }
}

/// Waits until all pods are known, before anything of another gateway's is taken: it goes on meanwhile, and ever after
/// if they do not come to be known.
async fn known(cluster: &Cluster, stop: &mut Stop) -> anyhow::Result<()> {
    tokio::select! {
        known = cluster.known() => known.context("taking another gateway's place"),
        _ = stop.told() => bail!("told to end before another gateway's place was taken"),
    }
}

/// Listens in the gateway's own namespace.
fn listen(ports: &Range<u16>) -> anyhow::Result<Served> {
    net::listen_here(ports.clone()).with_context(|| format!("listening on a port of {ports:?}"))
}

/// As [`listen`]; `None`: programs that read other maps than this gateway's keep the ports from it, as from
/// any process in a governed cgroup.
fn listen_if_let(ports: &Range<u16>) -> anyhow::Result<Option<Served>> {
    match listen(ports) {
        Err(error) if is_refused(&error) => {
            info!("programs of another version are attached: listening when they are replaced");
            Ok(None)
        }
        listening => listening.map(Some),
    }
}

/// Serves the network namespaces that there are, and attaches the programs: in this order, where the gateway
/// may listen already.
async fn attach(
    loaded: Loaded,
    keeper: &mut Keeper,
    own: Option<Served>,
    ports: &Range<u16>,
) -> anyhow::Result<Kernel> {
    let governed = loaded.governed();
    if let Some(own) = own {
        keeper.begin(own, &governed).await?;
        return Ok(loaded.attach()?);
    }
    let kernel = loaded.attach()?;
    keeper.begin(listen(ports)?, &governed).await?;
    Ok(kernel)
}

fn is_refused(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Tells the gateway before this one that its programs and all new connections are taken.
fn hand_over(pid: u32) -> anyhow::Result<()> {
    let process = Pid::from_raw(pid.try_into().context("a process id")?);
    match kill(process, Signal::SIGUSR2) {
        // It has ended by itself meanwhile.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("telling process {pid} to hand over")),
    }
}

/// Says so if the descriptors do not suffice for the connections that the limits admit.
fn warn_of_descriptors(config: &Config, descriptors: u64) {
    let needed = settings::descriptors(&config.limits, &config.listeners);
    if needed > descriptors {
        warn!(
            descriptors,
            needed,
            "limits.connections is more than the limit on open files allows: raise LimitNOFILE, or lower it"
        );
    }
}
