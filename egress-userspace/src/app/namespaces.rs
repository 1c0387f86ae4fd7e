//! Listeners in every network namespace that governed processes are in.
//!
//! They are made when a connection waits for them, and for what runs when the gateway starts; and let go
//! when the last process has left, for a listener would keep the namespace alive.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::kernel::{EarlyQueries, EarlyQuery, Namespaces, PodScopes, Requests, Wanted};
use crate::net::{Served, Sockets, listen_in};
use crate::types::CgroupId;

use super::acceptor::Acceptor;
use super::guard::Guard;
use super::processes::{inhabited, running};

/// How often namespaces that nobody is in any more are looked for, and those that somebody is in now.
const SWEEP: Duration = Duration::from_secs(5);
/// A pod gets its veth first, and its processes within a second or two: after a new veth it is looked
/// more often.
const QUICK: Duration = Duration::from_millis(250);
const QUICK_LOOKS: u32 = 20;
/// Namespaces with listeners that one cgroup's processes may have the gateway make: a pod has one, and
/// a process that makes more for itself harms only itself.
const PER_CGROUP: usize = 64;

/// Makes and lets go of listeners.
pub(super) struct Keeper {
    acceptor: Acceptor,
    kernel: Namespaces,
    pods: PodScopes,
    guard: Guard,
    ports: Range<u16>,
    kept: HashMap<u64, Kept>,
}

/// A namespace with listeners.
struct Kept {
    inode: u64,
    cgroup: CgroupId,
    /// Where DNS queries arrive.
    datagrams: Vec<Arc<UdpSocket>>,
    /// Closes them.
    gone: CancellationToken,
}

/// The sockets of a namespace.
struct Open {
    /// Nobody takes connections off them yet.
    listeners: Vec<TcpListener>,
    /// Where DNS queries arrive.
    datagrams: Vec<Arc<UdpSocket>>,
}

impl Keeper {
    /// Nothing is kept yet; listeners are made on the first of `ports` that is free.
    pub(super) fn new(
        acceptor: Acceptor,
        kernel: Namespaces,
        pods: PodScopes,
        guard: Guard,
        ports: Range<u16>,
    ) -> Self {
        Self {
            acceptor,
            kernel,
            pods,
            guard,
            ports,
            kept: HashMap::new(),
        }
    }

    /// Serves the gateway's own namespace, and those of processes that run; forgets all others.
    pub(super) async fn begin(
        &mut self,
        own: Served,
        governed: &watch::Receiver<Vec<PathBuf>>,
    ) -> anyhow::Result<()> {
        let here = own.cookie;
        self.serve_own(own)?;
        self.serve_running(governed).await;
        self.forget_others(here)
    }

    /// Serves the gateway's own namespace, for as long as the gateway runs.
    fn serve_own(&mut self, served: Served) -> anyhow::Result<()> {
        let gone = CancellationToken::new();
        let Open { listeners, .. } = self.open(served, &gone)?;
        self.accept(&listeners, &gone)
    }

    /// Forgets what a gateway before this one served, and this one does not: connections there wait
    /// for listeners, and do not go to ports that are nobody's.
    fn forget_others(&mut self, own: u64) -> anyhow::Result<()> {
        for cookie in self.kernel.cookies()? {
            if cookie != own && !self.kept.contains_key(&cookie) {
                self.kernel.release(cookie)?;
            }
        }
        self.guard.forget_others()
    }

    /// Serves the namespaces of processes that run already: none of their connections waits, and those
    /// that never connect are guarded.
    async fn serve_running(&mut self, governed: &watch::Receiver<Vec<PathBuf>>) {
        let directories = governed.borrow().clone();
        let Ok(running) = spawn_blocking(move || running(&directories)).await else {
            return;
        };
        for (pid, cgroup) in running {
            self.serve_process(pid, cgroup).await;
        }
    }

    /// Serves the namespace that a process is in, if it is not served.
    async fn serve_process(&mut self, pid: u32, cgroup: CgroupId) {
        let inode = |pid: &str| fs::metadata(format!("/proc/{pid}/ns/net")).map(|ns| ns.ino());
        let Ok(there) = inode(&pid.to_string()) else {
            return;
        };
        let is_own = inode("self").is_ok_and(|own| own == there);
        // What is not governed needs no listener.
        if is_own
            || self.pods.is_off(cgroup)
            || self.kept.values().any(|kept| kept.inode == there)
            || !self.has_room(cgroup)
        {
            return;
        }
        if let Err(error) = self.serve(pid, cgroup, None).await {
            debug!(pid, "no listener in its network namespace: {error:#}");
        }
    }

    /// Serves what is asked for, until nothing can be asked any more.
    pub(super) async fn run(
        mut self,
        mut requests: Requests,
        mut early: EarlyQueries,
        mut governed: watch::Receiver<Vec<PathBuf>>,
    ) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.acceptor.stop();
        let mut quick = 0;
        loop {
            tokio::select! {
                wanted = requests.next() => match wanted {
                    Some(wanted) => self.answer(wanted).await,
                    None => return,
                },
                Some(query) = early.next() => self.answer_early(query).await,
                known = self.guard.follow() => if !known {
                    quick = QUICK_LOOKS;
                    sweep.reset_after(QUICK);
                },
                _ = sweep.tick() => {
                    self.let_go().await;
                    self.serve_running(&governed).await;
                    if quick > 0 {
                        quick -= 1;
                        sweep.reset_after(QUICK);
                    }
                }
                Ok(()) = governed.changed() => self.serve_running(&governed).await,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn answer(&mut self, wanted: Wanted) {
        let Some(netns) = wanted.netns else {
            return self.serve_process(wanted.pid, wanted.cgroup).await;
        };
        if self.kept.contains_key(&netns) || !self.has_room(wanted.cgroup) {
            return;
        }
        if let Err(error) = self.serve(wanted.pid, wanted.cgroup, Some(netns)).await {
            // The process may have gone; if not, its next SYN asks again.
            debug!(
                pid = wanted.pid,
                "no listener in its network namespace: {error:#}"
            );
        }
    }

    /// Answers what was asked before there was somebody to ask. If its namespace cannot be served, it is
    /// asked again, seconds later, by whoever asked it.
    async fn answer_early(&mut self, query: EarlyQuery) {
        let EarlyQuery {
            origin,
            netns,
            peer,
            payload,
        } = query;
        let wanted = Wanted {
            netns: Some(netns),
            pid: origin.caller.pid,
            cgroup: origin.caller.cgroup,
        };
        self.answer(wanted).await;
        let Some(kept) = self.kept.get(&netns) else {
            return;
        };
        let of_its_family = |socket: &&Arc<UdpSocket>| {
            let local = socket.local_addr();
            local.is_ok_and(|local| local.is_ipv4() == peer.is_ipv4())
        };
        if let Some(socket) = kept.datagrams.iter().find(of_its_family) {
            let datagrams = self.acceptor.datagrams();
            datagrams.answer(Arc::clone(socket), origin, peer, payload);
        }
    }

    /// Whether one more namespace of a cgroup may be served.
    fn has_room(&self, cgroup: CgroupId) -> bool {
        let served = self
            .kept
            .values()
            .filter(|kept| kept.cgroup == cgroup)
            .count();
        if served >= PER_CGROUP {
            debug!(%cgroup, "has as many network namespaces as it may");
        }
        served < PER_CGROUP
    }

    /// Makes listeners where a process is; `expected` is that namespace's cookie, if it is known.
    async fn serve(
        &mut self,
        pid: u32,
        cgroup: CgroupId,
        expected: Option<u64>,
    ) -> anyhow::Result<()> {
        let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
        let inode = namespace.metadata()?.ino();
        let ports = self.ports.clone();
        let same = namespace.try_clone()?;
        let served = spawn_blocking(move || listen_in(OwnedFd::from(namespace), ports)).await??;
        let cookie = served.cookie;
        // The process may have moved on, or its id be another's.
        anyhow::ensure!(
            expected.is_none_or(|expected| expected == cookie),
            "the process is in another namespace now"
        );
        let gone = CancellationToken::new();
        let unless_kept = gone.clone().drop_guard();
        // Names first: who asks for one does not wait, and to guard takes the kernel some ten milliseconds.
        let Open {
            listeners,
            datagrams,
        } = self.open(served, &gone)?;
        // Before its connections go anywhere: until then they are in the listeners' queues.
        let mut begun = self.guard.cover(same, cookie, cgroup).await;
        if begun.is_ok() {
            begun = self.accept(&listeners, &gone);
        }
        if let Err(error) = begun {
            self.guard.leave(cookie);
            // Before its sockets go: a connection that comes now waits, and has them made again.
            if let Err(error) = self.kernel.release(cookie) {
                warn!(%error, "connections of a namespace go to listeners that are not there");
            }
            return Err(error);
        }
        unless_kept.disarm();
        self.kept.insert(
            cookie,
            Kept {
                inode,
                cgroup,
                datagrams,
                gone,
            },
        );
        Ok(())
    }

    /// Has the connections and questions of a namespace come to its sockets. Questions are answered.
    fn open(&mut self, served: Served, gone: &CancellationToken) -> anyhow::Result<Open> {
        let Served {
            cookie,
            bound,
            sources,
        } = served;
        let port = bound.port();
        let Sockets {
            listeners,
            datagrams,
        } = bound.sockets()?;
        let datagrams: Vec<_> = datagrams.into_iter().map(Arc::new).collect();
        for socket in &datagrams {
            self.acceptor
                .answer(Arc::clone(socket), cookie, gone.clone());
        }
        self.kernel.serve(cookie, port, &sources)?;
        Ok(Open {
            listeners,
            datagrams,
        })
    }

    /// Takes the connections that come to the listeners of a namespace.
    fn accept(&self, listeners: &[TcpListener], gone: &CancellationToken) -> anyhow::Result<()> {
        let home = self.acceptor.home();
        for listener in listeners {
            self.acceptor.accept(listener, &home, gone)?;
        }
        Ok(())
    }

    /// Closes the listeners of namespaces that no process is in.
    async fn let_go(&mut self) {
        self.guard.look_again();
        if self.kept.is_empty() {
            return;
        }
        let inhabited = match spawn_blocking(inhabited).await {
            Ok(Ok(inhabited)) => inhabited,
            Ok(Err(error)) => return warn!(%error, "cannot tell which namespaces are in use"),
            Err(error) => return warn!(%error, "cannot tell which namespaces are in use"),
        };
        let (kernel, guard) = (&mut self.kernel, &mut self.guard);
        self.kept.retain(|cookie, kept| {
            let stays = inhabited.contains(&kept.inode);
            if !stays {
                // First the entry: a connection that comes now waits, and has the listener made again.
                if let Err(error) = kernel.release(*cookie) {
                    warn!(%error, "cannot forget a network namespace");
                }
                guard.leave(*cookie);
                kept.gone.cancel();
            }
            stays
        });
    }
}
