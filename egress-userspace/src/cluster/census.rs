//! Pods and namespaces put together.
//!
//! A pod is known once its namespace is: what that one's label says is part of it, and a pod whose namespace
//! enforces must not pass for one where nothing is said.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pods::Pods;
use crate::types::{Pod, PodMode, PodUid};

/// What is there, as far as the API has told.
#[derive(Debug)]
pub(super) struct Census {
    pods: Arc<Pods>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    namespaces: HashMap<Box<str>, Option<PodMode>>,
    /// Pods of namespaces that have not been told of.
    held: HashMap<PodUid, Present>,
}

/// A pod that is there.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) uid: PodUid,
    pub(super) pod: Pod,
    pub(super) ips: Vec<IpAddr>,
}

impl Census {
    /// What it learns goes to `pods`.
    pub(super) fn new(pods: Arc<Pods>) -> Self {
        Self {
            pods,
            told: Mutex::default(),
        }
    }

    /// These are all pods.
    pub(super) fn pods(&self, all: Vec<Present>) {
        let uids: HashSet<_> = all.iter().map(|present| present.uid).collect();
        self.told().held.retain(|uid, _| uids.contains(uid));
        for present in all {
            self.pod(present);
        }
        self.pods.end_others(&uids);
    }

    /// A pod is there.
    pub(super) fn pod(&self, present: Present) {
        // Held until it is set: what its namespace says does not change in between.
        let mut told = self.told();
        match told.namespaces.get(&present.pod.namespace) {
            Some(mode) => self.set(present, *mode),
            None => drop(told.held.insert(present.uid, present)),
        }
    }

    /// A pod is there no more.
    pub(super) fn pod_gone(&self, uid: PodUid) {
        self.told().held.remove(&uid);
        self.pods.end(uid);
    }

    /// These are all namespaces.
    pub(super) fn namespaces(&self, all: Vec<(Box<str>, Option<PodMode>)>) {
        let names: HashSet<_> = all.iter().map(|(name, _)| name.clone()).collect();
        self.told()
            .namespaces
            .retain(|name, _| names.contains(name));
        for (name, mode) in all {
            self.namespace(name, mode);
        }
    }

    /// A namespace is there.
    pub(super) fn namespace(&self, name: Box<str>, mode: Option<PodMode>) {
        let mut told = self.told();
        let of_it = |_: &PodUid, present: &mut Present| present.pod.namespace == name;
        let held: Vec<_> = told.held.extract_if(of_it).collect();
        for (_, present) in held {
            self.set(present, mode);
        }
        self.pods.set_mode(&name, mode);
        told.namespaces.insert(name, mode);
    }

    /// A namespace is there no more.
    pub(super) fn namespace_gone(&self, name: &str) {
        self.told().namespaces.remove(name);
    }

    fn set(&self, present: Present, mode: Option<PodMode>) {
        let Present { uid, pod, ips } = present;
        self.pods.set(uid, Pod { mode, ..pod }, ips);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(number: u128, namespace: &str) -> Present {
        Present {
            uid: PodUid::Uuid(number),
            pod: Pod {
                namespace: namespace.into(),
                ..Pod::default()
            },
            ips: Vec::new(),
        }
    }

    fn census() -> (Arc<Pods>, Census) {
        let pods = Arc::<Pods>::default();
        (Arc::clone(&pods), Census::new(pods))
    }

    #[test]
    fn a_pod_is_known_once_its_namespace_is() {
        let (pods, census) = census();
        let mode = |number| pods.by_uid(PodUid::Uuid(number)).map(|pod| pod.mode);
        census.pods(vec![present(1, "shop"), present(2, "bank")]);
        assert_eq!(mode(1), None);
        census.namespace("shop".into(), Some(PodMode::Audit));
        assert_eq!((mode(1), mode(2)), (Some(Some(PodMode::Audit)), None));
        census.namespaces(vec![
            ("shop".into(), None),
            ("bank".into(), Some(PodMode::Off)),
        ]);
        assert_eq!((mode(1), mode(2)), (Some(None), Some(Some(PodMode::Off))));
        census.pod(present(3, "bank"));
        assert_eq!(mode(3), Some(Some(PodMode::Off)));
        // A namespace of the same name is another one.
        census.namespace_gone("bank");
        census.pod(present(4, "bank"));
        assert_eq!(mode(4), None);
    }

    #[test]
    fn one_that_is_gone_before_it_is_known_does_not_come_back() {
        let (pods, census) = census();
        census.pods(vec![
            present(1, "shop"),
            present(2, "shop"),
            present(3, "shop"),
        ]);
        census.pod_gone(PodUid::Uuid(1));
        census.pods(vec![present(3, "shop")]);
        census.namespace("shop".into(), None);
        assert_eq!(pods.count(), 1);
        assert!(pods.by_uid(PodUid::Uuid(3)).is_some());
    }
}
