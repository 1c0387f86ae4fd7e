//! Pods and namespaces put together.
//!
//! A pod is known once its namespace is: what that one's label says is part of it, and a pod whose namespace
//! enforces must not pass for one where nothing is said.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use crate::pods::{Label, Pods};
use crate::types::{Pod, PodMode, PodUid};

/// What is there, as far as the API has told.
#[derive(Debug)]
pub(super) struct Census {
    pods: Arc<Pods>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// Pods of namespaces that have not been told of.
    held: HashMap<PodUid, Present>,
    /// Which of the API's pods those are that are called by hashes.
    claims: HashMap<PodUid, Claim>,
}

/// A pod that says that it is a static one, as anyone may write of a pod of their own: of those that say so of the
/// same, the one made first is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    own: Box<str>,
    created: Option<Box<str>>,
    /// Whether it was told of that others say so too.
    told: bool,
}

/// A pod that is there.
#[derive(Debug)]
pub(super) struct Present {
    /// By what its cgroup is called.
    pub(super) uid: PodUid,
    /// By what the API calls it.
    pub(super) own: Box<str>,
    /// When it was made, as the API writes it: in text too, what is earlier is less.
    pub(super) created: Option<Box<str>>,
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

    /// The API is heard again.
    pub(super) fn heard_again(&self) {
        self.pods.heard_again();
    }

    /// These are all pods, if all could be read.
    pub(super) fn pods(&self, all: Vec<Present>, is_whole: bool) {
        let uids: HashSet<_> = all.iter().map(|present| present.uid).collect();
        let own: HashSet<_> = all.iter().map(|present| present.own.clone()).collect();
        let mut told = self.told();
        told.held.retain(|uid, _| uids.contains(uid));
        if is_whole {
            told.claims.retain(|_, claim| own.contains(&claim.own));
        }
        drop(told);
        for present in all {
            self.pod(present);
        }
        self.pods.end_others(&uids, is_whole);
    }

    /// A pod is there.
    pub(super) fn pod(&self, present: Present) {
        // Held until it is set: what its namespace says does not change in between.
        let mut told = self.told();
        if !told.is_believed(&present) {
            return;
        }
        match self.pods.label(&present.pod.namespace) {
            Some(Label(mode)) => self.set(present, mode),
            None => drop(told.held.insert(present.uid, present)),
        }
    }

    /// A pod is there no more.
    pub(super) fn pod_gone(&self, uid: PodUid, own: &str) {
        let mut told = self.told();
        if let Some(claim) = told.claims.get(&uid) {
            if *claim.own != *own {
                return;
            }
            told.claims.remove(&uid);
        }
        told.held.remove(&uid);
        self.pods.end(uid);
    }

    /// Whether this is what the label of a namespace was last told to say.
    pub(super) fn is_told(&self, namespace: &str, mode: Option<PodMode>) -> bool {
        self.pods.label(namespace) == Some(Label(mode))
    }

    /// These are all namespaces, if all could be read.
    pub(super) fn namespaces(&self, all: Vec<(Box<str>, Option<PodMode>)>, is_whole: bool) {
        let names: HashSet<_> = all.iter().map(|(name, _)| name.clone()).collect();
        for (name, mode) in all {
            self.namespace(&name, mode);
        }
        // Last: until the others are known, one that enforces is not missed.
        self.pods.forget_other_namespaces(&names, is_whole);
    }

    /// A namespace is there.
    pub(super) fn namespace(&self, name: &str, mode: Option<PodMode>) {
        // Held until it is set: a pod of it that is told of meanwhile would not be known.
        let mut told = self.told();
        let of_it = |_: &PodUid, present: &mut Present| *present.pod.namespace == *name;
        let held: Vec<_> = told.held.extract_if(of_it).collect();
        for (_, present) in held {
            self.set(present, mode);
        }
        self.pods.set_mode(name, mode);
    }

    /// A namespace is there no more.
    pub(super) fn namespace_gone(&self, name: &str) {
        self.pods.forget_namespace(name);
    }

    fn set(&self, present: Present, mode: Option<PodMode>) {
        let Present { uid, pod, ips, .. } = present;
        self.pods.set(uid, Pod { mode, ..pod }, ips);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether a pod is the one that it says it is.
    fn is_believed(&mut self, present: &Present) -> bool {
        if !matches!(present.uid, PodUid::Hash(_)) {
            return true;
        }
        let Some(claim) = self.claims.get_mut(&present.uid) else {
            self.claims.insert(present.uid, Claim::of(present));
            return true;
        };
        if claim.own == present.own {
            return true;
        }
        if !std::mem::replace(&mut claim.told, true) {
            warn!(
                namespace = %present.pod.namespace,
                name = %present.pod.name,
                "a pod says that it is a static pod that another is: the one that was made first is believed"
            );
        }
        if !claim.is_after(present) {
            return false;
        }
        *claim = Claim {
            told: true,
            ..Claim::of(present)
        };
        true
    }
}

impl Claim {
    fn of(present: &Present) -> Self {
        Self {
            own: present.own.clone(),
            created: present.created.clone(),
            told: false,
        }
    }

    /// Whether it was made after another. One that does not say when is after all that do.
    fn is_after(&self, other: &Present) -> bool {
        match (&self.created, &other.created) {
            (Some(own), Some(other)) => other < own,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(number: u128, namespace: &str) -> Present {
        Present {
            uid: PodUid::Uuid(number),
            own: number.to_string().into(),
            created: None,
            pod: Pod {
                namespace: namespace.into(),
                ..Pod::default()
            },
            ips: Vec::new(),
        }
    }

    fn mirror(own: &str, created: &str, namespace: &str) -> Present {
        Present {
            uid: PodUid::Hash(7),
            own: own.into(),
            created: Some(created.into()),
            ..present(0, namespace)
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
        census.pods(vec![present(1, "shop"), present(2, "bank")], true);
        assert_eq!(mode(1), None);
        census.namespace("shop", Some(PodMode::Audit));
        assert_eq!((mode(1), mode(2)), (Some(Some(PodMode::Audit)), None));
        let all = vec![("shop".into(), None), ("bank".into(), Some(PodMode::Off))];
        census.namespaces(all, true);
        assert_eq!((mode(1), mode(2)), (Some(None), Some(Some(PodMode::Off))));
        census.pod(present(3, "bank"));
        assert_eq!(mode(3), Some(Some(PodMode::Off)));
        // A namespace of the same name is another one.
        census.namespace_gone("bank");
        census.pod(present(4, "bank"));
        assert_eq!(mode(4), None);
    }

    #[test]
    fn what_is_not_known_may_be_of_a_namespace_that_enforces() {
        let (pods, census) = census();
        let (enforce, audit) = (Some(PodMode::Enforce), Some(PodMode::Audit));
        let all = vec![("shop".into(), enforce), ("bank".into(), audit)];
        census.namespaces(all, true);
        assert_eq!(pods.of_unknown(), enforce);
        census.namespace("shop", audit);
        assert_eq!(pods.of_unknown(), None);
        census.namespace("bank", enforce);
        assert_eq!(pods.of_unknown(), enforce);
        census.namespace_gone("bank");
        assert_eq!(pods.of_unknown(), None);
        census.namespace("shop", enforce);
        census.namespaces(Vec::new(), true);
        assert_eq!(pods.of_unknown(), None);
    }

    #[test]
    fn who_says_to_be_a_static_pod_that_another_is_is_not_believed() {
        const EARLY: &str = "2024-05-01T10:00:00Z";
        const LATE: &str = "2024-05-01T10:00:01Z";
        for is_listed in [false, true] {
            let (pods, census) = census();
            let all = vec![("kube-system".into(), None), ("bad".into(), None)];
            census.namespaces(all, true);
            let namespace = || {
                pods.by_uid(PodUid::Hash(7))
                    .map(|pod| pod.namespace.clone())
            };
            let (real, claimed) = (
                || mirror("a", EARLY, "kube-system"),
                || mirror("b", LATE, "bad"),
            );
            // Whichever is told of first.
            if is_listed {
                census.pods(vec![claimed(), real()], true);
            } else {
                census.pod(real());
                census.pod(claimed());
            }
            assert_eq!(namespace().as_deref(), Some("kube-system"));
            census.pod_gone(PodUid::Hash(7), "b");
            census.pod(real());
            assert!(census.told().claims.contains_key(&PodUid::Hash(7)));
            // It may not have been read.
            census.pods(vec![claimed()], false);
            assert_eq!(namespace().as_deref(), Some("kube-system"));
            // One that is gone claims nothing.
            census.pods(vec![claimed()], true);
            assert_eq!(namespace().as_deref(), Some("bad"));
            census.pod_gone(PodUid::Hash(7), "b");
            assert!(census.told().claims.is_empty());
        }
    }

    #[test]
    fn one_that_is_gone_before_it_is_known_does_not_come_back() {
        let (pods, census) = census();
        let all = [1, 2, 3].map(|number| present(number, "shop"));
        census.pods(all.into(), true);
        census.pod_gone(PodUid::Uuid(1), "1");
        census.pods(vec![present(3, "shop")], true);
        census.namespace("shop", None);
        assert_eq!(pods.count(), 1);
        assert!(pods.by_uid(PodUid::Uuid(3)).is_some());
    }
}
