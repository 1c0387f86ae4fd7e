//! From a caller's cgroup to its pod, which may have to be waited for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{Pods, cgroup};
use crate::types::{Caller, Pod, PodUid};

/// Pods that are remembered as waited for: a node has some hundred, and those of which nothing comes are few.
/// When it is full it starts anew, and they are waited for once more.
const REMEMBERED: usize = 1024;

/// Tells which pod a caller is in.
#[derive(Debug)]
pub struct Identifier {
    pods: Arc<Pods>,
    root: Box<str>,
    timeout: Duration,
    waited: Mutex<HashMap<PodUid, Waited, RandomState>>,
}

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
    pub fn new(pods: Arc<Pods>, root: &str, timeout: Duration) -> Self {
        Self {
            pods,
            root: root.into(),
            timeout,
            waited: Mutex::default(),
        }
    }

    /// Says of the caller which pod it is in, if that is known; gives what is worth waiting for.
    pub fn look_up(&self, caller: &mut Caller) -> Option<Unknown> {
        let uid = self.uid(caller)?;
        caller.pod = self.pods.by_uid(uid);
        caller.pod.is_none().then_some(Unknown(uid))
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.pods.changes()
    }

    /// What is known by now of the pod that a caller is in; `None`: nothing.
    pub fn now(&self, caller: &Caller) -> Option<Arc<Pod>> {
        self.pods.by_uid(self.uid(caller)?)
    }

    /// Waits until something is known of a pod, or it has been waited for as long as it may. The pod, not each of
    /// its connections: later ones of a pod of which nothing came do not wait again.
    pub async fn wait(&self, Unknown(uid): Unknown) -> Option<Arc<Pod>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CgroupId;

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
        let identifier = Identifier::new(Arc::clone(&pods), "/", TIMEOUT);
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
    async fn the_memory_of_those_that_were_waited_for_has_an_end() {
        let (_pods, identifier) = identifier();
        for number in 0..2 * u128::try_from(REMEMBERED).expect("small") {
            identifier.until(PodUid::Uuid(number));
        }
        assert!(identifier.waited().len() <= REMEMBERED);
    }
}
