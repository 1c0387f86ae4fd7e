//! Which pod a caller is in, and what the cluster's API tells of it.

mod cgroup;
mod freshness;
mod identifier;
mod namespaces;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use crate::types::{Pod, PodMode, PodUid};

pub use cgroup::{container, pod};
pub use freshness::{Fresh, Freshness, State, Watched};
pub use identifier::{Identifier, Unknown};
pub use namespaces::Label;

use namespaces::Namespaces;

/// How long a pod that the API has no more is still known by its id. Its processes are gone by then, also
/// after a long grace; but for those of one that was deleted by force while its node could not be reached.
pub const LINGER: Duration = Duration::from_mins(5);

/// What is known of pods now. Written by who watches the API, read at each connection.
#[derive(Debug)]
pub struct Pods {
    known: RwLock<Known>,
    /// Counts changes.
    changed: watch::Sender<u64>,
}

/// The pods, by each of their names, and their namespaces.
#[derive(Debug, Default)]
struct Known {
    by_uid: HashMap<PodUid, Entry, RandomState>,
    by_ip: HashMap<IpAddr, PodUid, RandomState>,
    namespaces: Namespaces,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<Pod>,
    ips: Vec<IpAddr>,
    /// When the API had it no more.
    ended: Option<Instant>,
}

impl Default for Pods {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            changed: watch::Sender::new(0),
        }
    }
}

impl Pods {
    /// The pod with this id.
    pub fn by_uid(&self, uid: PodUid) -> Option<Arc<Pod>> {
        let known = self.read();
        known.by_uid.get(&uid).map(|entry| Arc::clone(&entry.pod))
    }

    /// The pod that has this address for itself: those in their node's network namespace have none. Of what is old by
    /// `freshness` none is known to have one.
    pub fn by_ip(&self, ip: IpAddr, freshness: &Freshness) -> Option<Arc<Pod>> {
        if freshness.is_old() {
            return None;
        }
        let known = self.read();
        let uid = known.by_ip.get(&ip)?;
        known.by_uid.get(uid).map(|entry| Arc::clone(&entry.pod))
    }

    /// How many are known, with those that have ended.
    pub fn count(&self) -> usize {
        self.read().by_uid.len()
    }

    /// Sets what is known of a pod. An address that another pod had is this one's now. Told again what is known,
    /// it is no change.
    pub fn set(&self, uid: PodUid, pod: Pod, ips: Vec<IpAddr>) {
        let mut known = self.write();
        if known.has(uid, &pod, &ips) {
            return;
        }
        known.forget(uid);
        for ip in &ips {
            known.by_ip.insert(*ip, uid);
        }
        let entry = Entry {
            pod: Arc::new(pod),
            ips,
            ended: None,
        };
        known.by_uid.insert(uid, entry);
        drop(known);
        self.tell();
    }

    /// Sets what the label of a namespace says of its pods. Told again what is known, it is no change, and its pods,
    /// which are set with their namespace's label, are not looked for.
    pub fn set_mode(&self, namespace: &str, mode: Option<PodMode>) {
        let mut known = self.write();
        if !known.namespaces.set(namespace, mode) {
            return;
        }
        let pods = known.by_uid.values_mut().map(|entry| &mut entry.pod);
        for pod in pods.filter(|pod| *pod.namespace == *namespace && pod.mode != mode) {
            Arc::make_mut(pod).mode = mode;
        }
        drop(known);
        self.tell();
    }

    /// The API has a namespace no more.
    pub fn forget_namespace(&self, name: &str) {
        let changed = self.write().namespaces.remove(name);
        self.tell_if(changed);
    }

    /// The API has no other namespaces than these, if all could be read.
    pub fn forget_other_namespaces(&self, names: &HashSet<Box<str>>, is_whole: bool) {
        let changed = self.write().namespaces.listed(names, is_whole);
        self.tell_if(changed);
    }

    /// What the label of a namespace says; `None`: the namespace is not known.
    pub fn label(&self, namespace: &str) -> Option<Label> {
        self.read().namespaces.label(namespace)
    }

    /// What holds for a pod of which nothing is known; `None`: what the policy says. It may be of a namespace that
    /// enforces, as one that cannot be read may.
    pub fn of_unknown(&self) -> Option<PodMode> {
        self.read().namespaces.of_unknown()
    }

    /// What holds for a pod of which nothing is known and for which the kernel held this `before`: the same until all is
    /// known, for it may be one that is known to who held it, or that cannot be read.
    pub fn held(&self, before: Option<PodMode>, freshness: &Freshness) -> Option<PodMode> {
        let kept = before.filter(|_| !freshness.is_synced());
        kept.or_else(|| self.of_unknown())
    }

    /// A pod of which no more is known than who it is, with what holds for its namespace by now. Of a namespace that
    /// is not known that is what holds for unknown pods, or else what held for it before.
    pub fn as_its_namespace(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let mode = self.read().namespaces.mode_of(pod);
        if mode == pod.mode {
            return Arc::clone(pod);
        }
        Arc::new(Pod {
            mode,
            ..Pod::clone(pod)
        })
    }

    /// The API has a pod no more: its addresses are free for others at once, and its last connections are still
    /// its own for [`LINGER`].
    pub fn end(&self, uid: PodUid) {
        let changed = self.write().end(uid);
        self.tell_if(changed);
    }

    /// The API has no other pods than these, if all could be read. Else others may be among those that could not:
    /// they stay known, but for their addresses, which may be others' by now.
    pub fn end_others(&self, uids: &HashSet<PodUid>, is_whole: bool) {
        let mut known = self.write();
        let others: Vec<_> = known.by_uid.keys().copied().collect();
        let mut changed = false;
        for uid in others.into_iter().filter(|uid| !uids.contains(uid)) {
            changed |= if is_whole {
                known.end(uid)
            } else {
                known.free_addresses(uid)
            };
        }
        drop(known);
        self.tell_if(changed);
    }

    /// Forgets the pods that ended [`LINGER`] ago.
    pub fn forget_ended(&self) {
        let over = |entry: &Entry| entry.ended.is_some_and(|ended| ended.elapsed() >= LINGER);
        let known = self.read();
        let uids: Vec<_> = known
            .by_uid
            .iter()
            .filter_map(|(uid, entry)| over(entry).then_some(*uid))
            .collect();
        drop(known);
        for uid in uids {
            self.remove(uid);
        }
    }

    /// Forgets a pod.
    pub fn remove(&self, uid: PodUid) {
        self.write().forget(uid);
        self.tell();
    }

    /// The API is heard again: who has an address may be known that was not.
    pub fn heard_again(&self) {
        self.tell();
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn tell_if(&self, changed: bool) {
        if changed {
            self.tell();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn has(&self, uid: PodUid, pod: &Pod, ips: &[IpAddr]) -> bool {
        let owns = |ip| self.by_ip.get(ip) == Some(&uid);
        self.by_uid.get(&uid).is_some_and(|entry| {
            *entry.pod == *pod && entry.ips == ips && entry.ended.is_none() && ips.iter().all(owns)
        })
    }

    /// Whether it has not ended before.
    fn end(&mut self, uid: PodUid) -> bool {
        let Some(entry) = self.by_uid.get_mut(&uid) else {
            return false;
        };
        if entry.ended.is_some() {
            return false;
        }
        entry.ended = Some(Instant::now());
        self.free_addresses(uid);
        true
    }

    /// Whether it had some.
    fn free_addresses(&mut self, uid: PodUid) -> bool {
        let entry = self.by_uid.get_mut(&uid);
        let ips = entry.map(|entry| std::mem::take(&mut entry.ips));
        let ips = ips.unwrap_or_default();
        self.release(uid, &ips);
        !ips.is_empty()
    }

    fn forget(&mut self, uid: PodUid) {
        if let Some(entry) = self.by_uid.remove(&uid) {
            self.release(uid, &entry.ips);
        }
    }

    fn release(&mut self, uid: PodUid, ips: &[IpAddr]) {
        for ip in ips {
            // Another pod may have it meanwhile.
            if self.by_ip.get(ip) == Some(&uid) {
                self.by_ip.remove(ip);
            }
        }
    }
}

#[cfg(test)]
mod tests;
