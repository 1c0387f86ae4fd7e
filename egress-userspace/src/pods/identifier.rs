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
        let held = self.entries.0.get().and_then(|entries| entries(path));
        held.or_else(|| self.pods.of_unknown())
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
        let last = || Some(self.pods.as_its_namespace(caller.pod.as_ref()?));
        if let Some(pod) = self.now(caller).or_else(last) {
            return (caller.pod.as_ref() != Some(&pod)).then(|| caller.in_pod(pod));
        }
        if caller.remote.is_some() {
            return None;
        }
        let mut renewed = caller.clone();
        // It may be of a namespace that enforces since.
        self.look_up(&mut renewed)?;
        (renewed != *caller).then_some(renewed)
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
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::types::{CgroupId, Mode, Remote};

    const TIMEOUT: Duration = Duration::from_secs(2);
    const UID: &str = "2c48913c-b29f-11e7-9350-020968147796";

    fn caller(path: &str) -> Caller {
        Caller {
            cgroup_path: Some(path.into()),
            ..Caller::unknown(CgroupId(1))
        }
    }

    fn in_pod() -> Caller {
        caller(&format!("/kubepods/burstable/pod{UID}/x"))
    }

    fn uid() -> PodUid {
        UID.parse().expect("a uid")
    }

    fn pod() -> Pod {
        Pod {
            name: "checkout".into(),
            ..Pod::default()
        }
    }

    fn identifier() -> (Arc<Pods>, Arc<Identifier>) {
        let pods = Arc::<Pods>::default();
        let identifier = Identifier::new(Arc::clone(&pods), Arc::default(), "/", TIMEOUT);
        (pods, Arc::new(identifier))
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_is_known_is_not_waited_for_nor_is_what_is_no_pod() {
        let (pods, identifier) = identifier();
        pods.set(uid(), pod(), Vec::new());
        let mut known = in_pod();
        assert_eq!(identifier.look_up(&mut known), None);
        assert_eq!(known.pod.as_deref(), Some(&pod()));
        for path in ["/system.slice/sshd.service", "/kubepods/burstable"] {
            let mut other = caller(path);
            assert_eq!(identifier.look_up(&mut other), None, "{path}");
            assert_eq!(other.pod, None, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_waited_for() {
        let (pods, identifier) = identifier();
        let unknown = identifier.look_up(&mut in_pod()).expect("it is unknown");
        let waiting = tokio::spawn({
            let identifier = Arc::clone(&identifier);
            async move { identifier.wait(unknown).await }
        });
        tokio::time::sleep(TIMEOUT / 2).await;
        // Another pod's is not it.
        pods.set("0".repeat(32).parse().expect("a hash"), pod(), Vec::new());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        pods.set(uid(), pod(), Vec::new());
        let found = waiting.await.expect("it ends");
        assert_eq!(found.as_deref(), Some(&pod()));
        assert_eq!(identifier.now(&in_pod()), found);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_waited_for_once() {
        let (pods, identifier) = identifier();
        let unknown = identifier.look_up(&mut in_pod()).expect("it is unknown");
        let begun = Instant::now();
        assert_eq!(identifier.wait(unknown).await, None);
        assert_eq!(begun.elapsed(), TIMEOUT);
        assert_eq!(identifier.wait(unknown).await, None);
        assert_eq!(begun.elapsed(), TIMEOUT);
        assert!(!identifier.is_news(uid()), "it was told of");
        // What comes at last is known, and what is forgotten then is waited for again.
        pods.set(uid(), pod(), Vec::new());
        assert!(identifier.wait(unknown).await.is_some());
        pods.remove(uid());
        assert_eq!(identifier.wait(unknown).await, None);
        assert_eq!(begun.elapsed(), 2 * TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_is_not_known_is_judged_as_the_kernel_does() {
        let (pods, identifier) = identifier();
        let mode = |caller: &Caller| caller.mode(Mode::Audit);
        let look_up = || {
            let mut caller = in_pod();
            let unknown = identifier.look_up(&mut caller).expect("it is unknown");
            (caller, unknown)
        };
        assert_eq!(mode(&look_up().0), PodMode::Audit);
        // It may be of the namespace that enforces, also if that is known while it is waited for.
        let (mut waiting, unknown) = look_up();
        pods.set_mode("shop", Some(PodMode::Enforce));
        assert_eq!(mode(&look_up().0), PodMode::Enforce);
        identifier.identify(&mut waiting, unknown).await;
        assert_eq!(mode(&waiting), PodMode::Enforce);
        assert!(identifier.renewed(&waiting).is_none());
        // So is one that is connected already.
        pods.set_mode("shop", None);
        waiting = identifier.renewed(&waiting).expect("something else");
        assert_eq!(mode(&waiting), PodMode::Audit);
        pods.set_mode("shop", Some(PodMode::Enforce));
        waiting = identifier.renewed(&waiting).expect("something else");
        assert_eq!(mode(&waiting), PodMode::Enforce);
        let mut other = caller("/system.slice/sshd.service");
        assert_eq!(identifier.look_up(&mut other), None);
        assert!(identifier.renewed(&other).is_none());
        assert_eq!(mode(&other), PodMode::Audit);
        pods.set_mode("shop", None);
        let own = in_pod().cgroup_path;
        identifier.holding(move |path| (Some(path) == own.as_deref()).then_some(PodMode::Enforce));
        assert_eq!(mode(&look_up().0), PodMode::Enforce);
        pods.set(uid(), pod(), Vec::new());
        let (mut waiting, unknown) = (in_pod(), unknown);
        identifier.identify(&mut waiting, unknown).await;
        assert_eq!(mode(&waiting), PodMode::Audit);
    }

    fn remote(address: IpAddr, is_certified: bool) -> Remote {
        Remote {
            listener: "mesh".into(),
            address,
            is_certified,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_known_by_an_address_is_the_pod_that_has_it_now_unless_that_is_old() {
        let (pods, identifier) = identifier();
        let address = "192.0.2.7".parse().expect("an address");
        let by = |is_certified| Caller::remote(remote(address, is_certified), None);
        assert_eq!(identifier.now(&by(false)), None);
        pods.set(uid(), pod(), vec![address]);
        assert_eq!(identifier.now(&by(false)).as_deref(), Some(&pod()));
        assert_eq!(identifier.now(&by(true)), None);
        pods.end(uid());
        assert_eq!(identifier.now(&by(false)), None);
        // The API is never heard of, and who was known by it stays who it was.
        pods.set(uid(), pod(), vec![address]);
        let known = by(false).in_pod(Arc::default());
        assert!(identifier.renewed(&known).is_some());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(identifier.now(&by(false)), None);
        assert_eq!(identifier.renewed(&known), None);
    }

    #[test]
    fn what_its_namespaces_label_says_holds_for_one_that_is_connected_whoever_has_its_address() {
        let (pods, identifier) = identifier();
        let address = "192.0.2.7".parse().expect("an address");
        let in_shop = |mode| {
            Arc::new(Pod {
                namespace: "shop".into(),
                mode,
                ..Pod::default()
            })
        };
        for is_certified in [true, false] {
            let remote = remote(address, is_certified);
            let mut caller = Caller::remote(remote, Some(in_shop(None)));
            assert_eq!(identifier.renewed(&caller), None);
            for mode in [Some(PodMode::Enforce), Some(PodMode::Audit), None] {
                pods.set_mode("shop", mode);
                caller = identifier.renewed(&caller).expect("something else");
                assert_eq!(caller.pod, Some(in_shop(mode)));
                assert_eq!(identifier.renewed(&caller), None);
            }
            pods.forget_namespace("shop");
            assert_eq!(identifier.renewed(&caller), None);
            // It may be of that one.
            pods.set_mode("bank", Some(PodMode::Enforce));
            caller = identifier.renewed(&caller).expect("something else");
            assert_eq!(caller.pod, Some(in_shop(Some(PodMode::Enforce))));
            pods.forget_namespace("bank");
            assert_eq!(identifier.renewed(&caller), None, "what held before");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_of_those_that_were_waited_for_has_an_end() {
        let (_pods, identifier) = identifier();
        for number in 0..2 * u128::try_from(REMEMBERED).expect("small") {
            identifier.until(PodUid::Uuid(number));
        }
        assert!(identifier.waited().len() <= REMEMBERED);
    }
}
