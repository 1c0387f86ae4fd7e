//! The pods that the cluster's API tells of, by what a connection shows of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::types::{Pod, PodUid};

/// What is known of pods now. Written by who watches the API, read at each connection.
#[derive(Debug)]
pub struct Pods {
    known: RwLock<Known>,
    /// Counts changes.
    changed: watch::Sender<u64>,
}

/// The pods, by each of their names.
#[derive(Debug, Default)]
struct Known {
    by_uid: HashMap<PodUid, Entry>,
    by_ip: HashMap<IpAddr, PodUid>,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<Pod>,
    ips: Vec<IpAddr>,
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

    /// The pod that has this address for itself: those in their node's network namespace have none.
    pub fn by_ip(&self, ip: IpAddr) -> Option<Arc<Pod>> {
        let known = self.read();
        let uid = known.by_ip.get(&ip)?;
        known.by_uid.get(uid).map(|entry| Arc::clone(&entry.pod))
    }

    /// Sets what is known of a pod. An address that another pod had is this one's now.
    pub fn set(&self, uid: PodUid, pod: Pod, ips: Vec<IpAddr>) {
        let mut known = self.write();
        known.forget(uid);
        for ip in &ips {
            known.by_ip.insert(*ip, uid);
        }
        let pod = Arc::new(pod);
        known.by_uid.insert(uid, Entry { pod, ips });
        drop(known);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Forgets a pod.
    pub fn remove(&self, uid: PodUid) {
        self.write().forget(uid);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, uid: PodUid) {
        let ips = self.by_uid.remove(&uid).map(|entry| entry.ips);
        for ip in ips.into_iter().flatten() {
            // Another pod may have it meanwhile.
            if self.by_ip.get(&ip) == Some(&uid) {
                self.by_ip.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u8) -> PodUid {
        format!("{number:032x}").parse().expect("a uid")
    }

    fn pod(name: &str) -> Pod {
        Pod {
            name: name.into(),
            ..Pod::default()
        }
    }

    #[test]
    fn a_pod_is_found_by_its_id_and_its_addresses_until_it_is_removed() {
        let pods = Pods::default();
        let ip = "192.0.2.7".parse().expect("an address");
        pods.set(uid(1), pod("a"), vec![ip]);
        let found = pods.by_ip(ip).expect("the pod");
        assert_eq!(*found.name, *"a");
        assert_eq!(pods.by_uid(uid(1)), Some(found));
        pods.remove(uid(1));
        assert_eq!(pods.by_ip(ip), None);
        assert_eq!(pods.by_uid(uid(1)), None);
    }

    #[test]
    fn an_address_is_its_last_owners_also_when_the_one_before_ends_later() {
        let pods = Pods::default();
        let ip = "192.0.2.7".parse().expect("an address");
        pods.set(uid(1), pod("before"), vec![ip]);
        pods.set(uid(2), pod("after"), vec![ip]);
        pods.remove(uid(1));
        let found = pods.by_ip(ip).expect("the pod");
        assert_eq!(*found.name, *"after");
    }

    #[test]
    fn each_change_is_told_of() {
        let pods = Pods::default();
        let mut changes = pods.changes();
        assert!(!changes.has_changed().expect("it is there"));
        pods.set(uid(1), pod("a"), Vec::new());
        assert!(changes.has_changed().expect("it is there"));
        changes.mark_unchanged();
        pods.remove(uid(1));
        assert!(changes.has_changed().expect("it is there"));
    }
}
