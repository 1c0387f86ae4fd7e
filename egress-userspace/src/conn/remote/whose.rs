//! Whose an address is, by what the cluster's API tells.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::{Instant, timeout_at};

use crate::pods::{Freshness, Pods};
use crate::types::Pod;

/// Addresses that are remembered as waited for. When it is full it starts anew, and they are waited for once more.
const REMEMBERED: usize = 1024;

/// Tells whose an address is.
#[derive(Debug, Default)]
pub struct Whose {
    cluster: Option<Cluster>,
    /// Until when each address is waited for.
    waited: Mutex<HashMap<IpAddr, Instant, RandomState>>,
}

/// The cluster that the pods are of.
#[derive(Debug)]
struct Cluster {
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
    timeout: Duration,
}

impl Whose {
    /// What the API tells of who has an address is waited for at most `timeout` from when the address is first
    /// seen.
    pub fn new(pods: Arc<Pods>, freshness: Arc<Freshness>, timeout: Duration) -> Self {
        Self {
            cluster: Some(Cluster {
                pods,
                freshness,
                timeout,
            }),
            waited: Mutex::default(),
        }
    }

    /// A pod that a certificate or the operator names, with what is done with its namespace's pods.
    pub(super) fn as_its_namespace(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        match &self.cluster {
            Some(cluster) => cluster.pods.as_its_namespace(pod),
            None => Arc::clone(pod),
        }
    }

    /// The pod that has the address, if something has to be waited for. The address, not each of its connections: what
    /// nothing came of is not waited for again.
    pub(super) async fn pod(&self, address: IpAddr) -> Option<Arc<Pod>> {
        let cluster = self.cluster.as_ref()?;
        if let Some(pod) = self.found(cluster, address) {
            return Some(pod);
        }
        if cluster.freshness.is_old() {
            return None;
        }
        let until = self.until(address, cluster.timeout);
        // From before the look, so that no change is missed.
        let mut changes = cluster.pods.changes();
        loop {
            if let Some(pod) = self.found(cluster, address) {
                return Some(pod);
            }
            match timeout_at(until, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }

    /// The pod that has the address by now, which is not waited for any more then.
    fn found(&self, cluster: &Cluster, address: IpAddr) -> Option<Arc<Pod>> {
        let pod = cluster.pods.by_ip(address, &cluster.freshness)?;
        self.waited().remove(&address);
        Some(pod)
    }

    fn until(&self, address: IpAddr, timeout: Duration) -> Instant {
        let mut waited = self.waited();
        if waited.len() >= REMEMBERED && !waited.contains_key(&address) {
            waited.clear();
        }
        let until = waited.entry(address);
        *until.or_insert_with(|| Instant::now() + timeout)
    }

    fn waited(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant, RandomState>> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::Watched;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn ip() -> IpAddr {
        "192.0.2.7".parse().expect("an address")
    }

    fn told(pods: &Pods) {
        let uid = "0".repeat(32).parse().expect("a uid");
        let pod = Pod {
            name: "checkout".into(),
            ..Pod::default()
        };
        pods.set(uid, pod, vec![ip()]);
    }

    fn whose() -> (Arc<Pods>, Arc<Freshness>, Arc<Whose>) {
        let (pods, freshness) = (Arc::<Pods>::default(), Arc::<Freshness>::default());
        let whose = Whose::new(Arc::clone(&pods), Arc::clone(&freshness), TIMEOUT);
        (pods, freshness, Arc::new(whose))
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_waited_for_and_what_never_comes_is_once() {
        let (pods, _, whose) = whose();
        let begun = Instant::now();
        assert_eq!(whose.pod(ip()).await, None);
        assert_eq!(begun.elapsed(), TIMEOUT);
        assert_eq!(whose.pod(ip()).await, None);
        assert_eq!(begun.elapsed(), TIMEOUT);
        told(&pods);
        assert!(whose.pod(ip()).await.is_some());
        pods.end("0".repeat(32).parse().expect("a uid"));
        let waiting = tokio::spawn({
            let whose = Arc::clone(&whose);
            async move { whose.pod(ip()).await }
        });
        tokio::time::sleep(TIMEOUT / 2).await;
        assert!(!waiting.is_finished());
        told(&pods);
        assert!(waiting.await.expect("it ends").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_not_gone_by_nor_waited_for() {
        let (pods, freshness, whose) = whose();
        told(&pods);
        for watched in [Watched::Pods, Watched::Namespaces] {
            freshness.synced(watched, 0);
        }
        freshness.failed(Watched::Pods, "refused".into());
        assert!(whose.pod(ip()).await.is_some());
        tokio::time::sleep(Duration::from_mins(1)).await;
        let begun = Instant::now();
        assert_eq!(whose.pod(ip()).await, None);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        freshness.synced(Watched::Pods, 0);
        assert!(whose.pod(ip()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_cluster_nobody_is_waited_for() {
        let begun = Instant::now();
        assert_eq!(Whose::default().pod(ip()).await, None);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_of_those_that_were_waited_for_has_an_end() {
        let (_, _, whose) = whose();
        for number in 0..2 * u32::try_from(REMEMBERED).expect("small") {
            whose.until(IpAddr::from(number.to_be_bytes()), TIMEOUT);
        }
        assert!(whose.waited().len() <= REMEMBERED);
    }
}
