//! What the labels of pods' namespaces say of them, in the kernel's table of governed cgroups.
//!
//! A pod that nothing is known of yet is governed as everything around it is, or strictly where some namespace
//! enforces: it may be of that one. Where the policy audits, that takes its entry, and until the entry is there, a
//! moment after the cgroup is, what the kernel decides alone is audited. User space never is behind: it holds such a
//! pod's connections for strict without an entry.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::kernel::{PodCgroup, PodScopes};
use crate::pods::{Freshness, Pods};
use crate::types::PodMode;

/// How often pods' cgroups are looked for although nobody said that one has come: where inotify can't be had, and
/// for what it does not tell.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks at what is known of pods because something has changed: in a large cluster that it does all the
/// time, and mostly of pods of other nodes.
const PAUSE: Duration = Duration::from_millis(100);
/// The entry of a pod whose cgroup is gone stays as long as the kernel may still send what its processes left
/// in their sockets: `TIME_WAIT` and orphans are over in a minute.
const LINGER: Duration = Duration::from_mins(1);
/// Directories that are watched for pods: those of their classes, and some above. Where a scope is so wide
/// that it has more, looking for them does.
const DIRECTORIES: usize = 64;
/// Room for a batch of inotify events.
const EVENT_BUFFER: usize = 4096;

/// Where a pod's cgroup may be made or removed.
const CHANGES: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::ONLYDIR);

/// Keeps the entries.
pub(super) struct Scopes {
    kernel: PodScopes,
    pods: Arc<Pods>,
    /// How fresh what is known of pods is.
    freshness: Arc<Freshness>,
    gone: BTreeMap<PathBuf, Instant>,
}

impl Scopes {
    /// Nothing is looked for yet.
    pub(super) fn new(kernel: PodScopes, pods: Arc<Pods>, freshness: Arc<Freshness>) -> Self {
        Self {
            kernel,
            pods,
            freshness,
            gone: BTreeMap::new(),
        }
    }

    /// Follows the pods until told to stop.
    pub(super) async fn run(
        mut self,
        mut governed: watch::Receiver<Vec<PathBuf>>,
        stop: CancellationToken,
    ) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = self.pods.changes();
        let mut watched = Watched::new();
        let mut found = Vec::new();
        let mut rested = Instant::now();
        loop {
            let told = async {
                sleep_until(rested).await;
                changes.changed().await
            };
            tokio::select! {
                () = stop.cancelled() => return,
                // Where the pods are has not changed.
                told = told => match told {
                    Ok(()) => rested = Instant::now() + PAUSE,
                    Err(_) => return,
                },
                () = watched.changed() => found = self.look(&mut watched).await,
                _ = governed.changed() => found = self.look(&mut watched).await,
                _ = looks.tick() => found = self.look(&mut watched).await,
            }
            self.hold(&found);
            self.let_go(&found);
        }
    }

    /// The pods' cgroups that there are.
    async fn look(&self, watched: &mut Watched) -> Vec<PodCgroup> {
        let kernel = self.kernel.clone();
        let (pods, directories) = match spawn_blocking(move || kernel.find()).await {
            Ok(found) => found,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The gateway ends.
                Err(_) => return pending().await,
            },
        };
        watched.follow(&directories);
        pods
    }

    /// Says what holds for each.
    fn hold(&self, found: &[PodCgroup]) {
        let held = self.kernel.held();
        let mut is_governed_again = false;
        for pod in found {
            let before = held.get(&pod.path).copied().flatten();
            let mode = mode(&self.pods, &self.freshness, pod, before);
            match self.kernel.hold(pod, mode) {
                Ok(true) if mode != before => {
                    info!(pod = %pod.uid, ?mode, ?before, "what holds for a pod");
                    is_governed_again |= before == Some(PodMode::Off);
                }
                Ok(_) => {}
                Err(error) => {
                    error!(pod = %pod.uid, %error, "a pod is not governed as it has to be");
                }
            }
        }
        if is_governed_again {
            self.kernel.look_again();
        }
    }

    /// Forgets those whose cgroups have been gone for a while.
    fn let_go(&mut self, found: &[PodCgroup]) {
        let there: BTreeSet<&Path> = found.iter().map(|pod| &*pod.path).collect();
        self.gone.retain(|path, _| !there.contains(&**path));
        for path in self.kernel.held().into_keys() {
            if there.contains(&*path) {
                continue;
            }
            let since = *self.gone.entry(path.clone()).or_insert_with(Instant::now);
            if since.elapsed() < LINGER {
                continue;
            }
            if let Err(error) = self.kernel.let_go(&path) {
                warn!(%error, "cannot forget a pod");
            }
            self.gone.remove(&path);
        }
    }
}

/// What holds for a pod that was held at `before`, also by another gateway; `None`: what the policy says.
fn mode(
    pods: &Pods,
    freshness: &Freshness,
    pod: &PodCgroup,
    before: Option<PodMode>,
) -> Option<PodMode> {
    match pods.by_uid(pod.uid) {
        Some(known) => known.mode,
        None => pods.held(before, freshness),
    }
}

/// Directories in which pods' cgroups come and go.
struct Watched {
    events: Option<EventStream<[u8; EVENT_BUFFER]>>,
}

impl Watched {
    fn new() -> Self {
        let events =
            Inotify::init().and_then(|inotify| inotify.into_event_stream([0; EVENT_BUFFER]));
        let events = events
            .inspect_err(|error| warn!(%error, "no inotify: looking for pods every {LOOK:?}"))
            .ok();
        Self { events }
    }

    /// Watches these too. Those that are gone are watched no more by themselves.
    fn follow(&mut self, directories: &[PathBuf]) {
        let Some(events) = &self.events else { return };
        let mut watches = events.watches();
        for directory in directories.iter().take(DIRECTORIES) {
            // One that is gone has no pods.
            let _ = watches.add(directory, CHANGES);
        }
    }

    /// Waits until a cgroup comes or goes. Nothing is lost if the wait is abandoned.
    async fn changed(&mut self) {
        match &mut self.events {
            Some(events) => match events.next().await {
                Some(Ok(_)) => {}
                // What was lost is found by the next look.
                Some(Err(_)) | None => self.events = None,
            },
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods;
    use crate::types::{CgroupId, Pod};

    const UID: &str = "2c48913c-b29f-11e7-9350-020968147796";
    const OFF: Option<PodMode> = Some(PodMode::Off);

    fn cgroup() -> PodCgroup {
        PodCgroup {
            uid: UID.parse().expect("a uid"),
            path: "/kubepods/pod".into(),
            id: CgroupId(1),
        }
    }

    fn known(mode: Option<PodMode>) -> Pods {
        let pods = Pods::default();
        let pod = Pod {
            mode,
            ..Pod::default()
        };
        pods.set(cgroup().uid, pod, Vec::new());
        pods
    }

    fn fresh(synced: bool) -> Freshness {
        let freshness = Freshness::default();
        for watched in [pods::Watched::Pods, pods::Watched::Namespaces] {
            freshness.synced(watched, usize::from(!synced));
        }
        freshness
    }

    #[test]
    fn a_pod_that_is_known_is_governed_as_its_namespace_says() {
        for is in [None, OFF, Some(PodMode::Audit), Some(PodMode::Enforce)] {
            for synced in [false, true] {
                assert_eq!(mode(&known(is), &fresh(synced), &cgroup(), OFF), is);
            }
        }
    }

    #[test]
    fn a_pod_that_is_not_known_is_governed_as_before_until_all_are_known() {
        let none = Pods::default();
        assert_eq!(mode(&none, &fresh(false), &cgroup(), OFF), OFF);
        assert_eq!(mode(&none, &fresh(true), &cgroup(), OFF), None);
        assert_eq!(mode(&none, &fresh(false), &cgroup(), None), None);
    }

    #[test]
    fn a_pod_that_is_not_known_may_be_of_a_namespace_that_enforces() {
        let none = Pods::default();
        none.set_mode("shop", Some(PodMode::Enforce));
        let enforce = Some(PodMode::Enforce);
        assert_eq!(mode(&none, &fresh(false), &cgroup(), OFF), OFF);
        assert_eq!(mode(&none, &fresh(true), &cgroup(), OFF), enforce);
        assert_eq!(mode(&none, &fresh(false), &cgroup(), None), enforce);
        assert_eq!(mode(&none, &fresh(true), &cgroup(), None), enforce);
    }
}
