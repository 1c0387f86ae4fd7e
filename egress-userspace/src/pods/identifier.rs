//! From a caller's cgroup, or its address, to its pod, which may have to be waited for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{Freshness, Pods, cgroup};
use crate::types::{Caller, Pod, PodMode, PodUid};

/// Pods that are remembered as waited for: a node has some hundred, and those of which nothing comes are few.
/// When it is full it starts anew, and they are waited for once more.
const REMEMBERED: usize = 1024;

/// Tells which pod a caller is in.
#[derive(Debug)]
pub struct Identifier {
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
    root: Box<str>,
    timeout: Duration,
    waited: Mutex<HashMap<PodUid, Waited, RandomState>>,
    entries: Entries,
}

/// What the kernel holds for the pod that a cgroup is in, by the cgroup's path.
#[derive(Default)]
struct Entries(OnceLock<Box<HeldAt>>);

type HeldAt = dyn Fn(&str) -> Option<PodMode> + Send + Sync;

/// A pod of which nothing is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown(PodUid);

/// How long a pod is waited for.
#[derive(Debug)]
struct Waited {
    until: Instant,
    told: bool,
}

impl Identifier {
    /// `root` is where the kubelet has its cgroups, below the cgroup v2 mount. What the API tells of a pod is
    /// waited for at most `timeout` from when the pod is first seen.
    pub fn new(pods: Arc<Pods>, freshness: Arc<Freshness>, root: &str, timeout: Duration) -> Self {
        Self {
            pods,
            freshness,
            root: root.into(),
            timeout,
            waited: Mutex::default(),
            entries: Entries::default(),
        }
    }

    /// Knows from now on what the kernel holds for pods, also for those that a gateway before this one knew.
    pub fn holding(&self, entries: impl Fn(&str) -> Option<PodMode> + Send + Sync + 'static) {
        self.entries.0.get_or_init(|| Box::new(entries));
    }

    /// Says of the caller which pod it is in, if that is known, or else what holds meanwhile; gives what is worth
    /// waiting for.
    pub fn look_up(&self, caller: &mut Caller) -> Option<Unknown> {
        let uid = self.uid(caller)?;
        caller.pod = self.pods.by_uid(uid);
        if caller.pod.is_some() {
            return None;
        }
        caller.held = self.held(caller);
        Some(Unknown(uid))
    }

    /// What holds for a caller in a pod of which nothing is known: what the kernel does, so that the two agree.
    fn held(&self, caller: &Caller) -> Option<PodMode> {
        let path = caller.cgroup_path.as_deref()?;
        let before = self.entries.0.get().and_then(|entries| entries(path));
        self.pods.held(before, &self.freshness)
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.pods.changes()
    }

    /// What is known by now of the pod that a caller is in, or that has the address by which it is known; `None`:
    /// nothing.
    fn now(&self, caller: &Caller) -> Option<Arc<Pod>> {
        match &caller.remote {
            None => self.pods.by_uid(self.uid(caller)?),
            Some(remote) if remote.is_certified => None,
            Some(remote) => self.pods.by_ip(remote.address, &self.freshness),
        }
    }

    /// The caller as it is known by now, if that is something else than before. Of a pod of which nothing is known any
    /// more, or that a certificate names, the last stays, but for what its namespace's label says.
    pub fn renewed(&self, caller: &Caller) -> Option<Caller> {
        let is_local = caller.remote.is_none();
        if is_local {
            // Most are in no pod.
            self.uid(caller)?;
        }
        let last = || Some(self.pods.as_its_namespace(caller.pod.as_ref()?));
        if let Some(pod) = self.now(caller).or_else(last) {
            return (caller.pod.as_ref() != Some(&pod)).then(|| caller.in_pod(pod));
        }
        // It may be of a namespace that enforces since.
        let held = self.held(caller);
        (is_local && held != caller.held).then(|| Caller {
            held,
            ..caller.clone()
        })
    }

    /// Says of a caller which pod it is in once something is known of that one, or else what holds when it has been
    /// waited for as long as it may.
    pub async fn identify(&self, caller: &mut Caller, unknown: Unknown) {
        caller.pod = self.wait(unknown).await;
        if caller.pod.is_none() {
            caller.held = self.held(caller);
        }
    }

    /// The pod is waited for, not each of its connections: later ones of a pod of which nothing came do not wait
    /// again.
    async fn wait(&self, Unknown(uid): Unknown) -> Option<Arc<Pod>> {
        let until = self.until(uid);
        // From before the look, so that no change is missed.
        let mut changes = self.changes();
        loop {
            if let Some(pod) = self.pods.by_uid(uid) {
                self.waited().remove(&uid);
                return Some(pod);
            }
            match timeout_at(until, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        if self.is_news(uid) {
            warn!(
                pod = %uid,
                "nothing is known of a pod that connects: it is judged as unknown until the API tells of it"
            );
        }
        None
    }

    fn uid(&self, caller: &Caller) -> Option<PodUid> {
        cgroup::pod(caller.cgroup_path.as_deref()?, &self.root)
    }

    fn until(&self, uid: PodUid) -> Instant {
        let mut waited = self.waited();
        if waited.len() >= REMEMBERED && !waited.contains_key(&uid) {
            waited.clear();
        }
        match waited.entry(uid) {
            Entry::Occupied(known) => known.get().until,
            Entry::Vacant(new) => {
                let until = Instant::now() + self.timeout;
                new.insert(Waited { until, told: false }).until
            }
        }
    }

    /// Whether that nothing is known of it has not been told yet.
    fn is_news(&self, uid: PodUid) -> bool {
        let mut waited = self.waited();
        let known = waited.get_mut(&uid);
        known.is_some_and(|waited| !std::mem::replace(&mut waited.told, true))
    }

    fn waited(&self) -> MutexGuard<'_, HashMap<PodUid, Waited, RandomState>> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entries").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
