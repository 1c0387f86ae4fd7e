//! The cluster whose pods callers are.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "k8s")]
use anyhow::Context as _;
use anyhow::bail;
use tokio::time::{interval, timeout};

use crate::account::Metrics;
#[cfg(feature = "k8s")]
use crate::cluster::{self, ClusterSettings};
use crate::config::{Config, WatchWord};
#[cfg(feature = "k8s")]
use crate::config::{Kubernetes, NodeName};
use crate::conn::Whose;
use crate::pods::{Freshness, Identifier, Pods, State};

use super::observe;
use super::vital::Vital;

/// What the environment has the name of the node as, by Kubernetes' downward API.
#[cfg(feature = "k8s")]
const NODE_NAME: &str = "NODE_NAME";

/// How long all pods may take to be known before another gateway's place is taken: several tries, with the longest
/// pause between them, and less than a successor has to take over.
const KNOWN: Duration = Duration::from_mins(1);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of a cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
    identifier: Arc<Identifier>,
    /// How long the pod with an address is waited for.
    timeout: Duration,
}

impl Cluster {
    /// The configuration's, if it has one. Nothing is known of it yet, and the metrics say so.
    pub(super) fn of(config: &Config, metrics: &mut Metrics) -> Option<Self> {
        let kubernetes = config.kubernetes.as_ref()?;
        let (pods, freshness) = (Arc::<Pods>::default(), Arc::<Freshness>::default());
        let identifier = Identifier::new(
            Arc::clone(&pods),
            Arc::clone(&freshness),
            kubernetes.cgroup_root.as_str(),
            kubernetes.identity_timeout,
        );
        let cluster = Self {
            pods,
            freshness,
            identifier: Arc::new(identifier),
            timeout: match kubernetes.watch {
                WatchWord::Cluster => kubernetes.identity_timeout,
                // Of pods of other nodes nothing is told.
                WatchWord::Off | WatchWord::Node => Duration::ZERO,
            },
        };
        observe::cluster(metrics, &cluster);
        Some(cluster)
    }

    /// What is known of its pods.
    pub(super) fn pods(&self) -> Arc<Pods> {
        Arc::clone(&self.pods)
    }

    /// How fresh that is.
    pub(super) fn freshness(&self) -> Arc<Freshness> {
        Arc::clone(&self.freshness)
    }

    /// Tells which pods callers are in.
    pub(super) fn identifier(&self) -> Arc<Identifier> {
        Arc::clone(&self.identifier)
    }

    /// Waits until all its pods are known that can be read: who takes another gateway's place knows no less than that
    /// one may, and keeps what that one held for the others.
    pub(super) async fn known(&self) -> anyhow::Result<()> {
        let mut looks = interval(LOOK);
        let known = async {
            while self.freshness.now().state < State::Partial {
                looks.tick().await;
            }
        };
        if timeout(KNOWN, known).await.is_err() {
            let trouble = self.freshness.now().trouble;
            let trouble = trouble.as_deref().unwrap_or("it has not answered in full");
            bail!("the cluster's API has not told of all pods within {KNOWN:?}: {trouble}");
        }
        Ok(())
    }

    /// Tells whose addresses are.
    pub(super) fn whose(&self) -> Whose {
        Whose::new(self.pods(), self.freshness(), self.timeout)
    }

    /// Asks its API for as long as the gateway runs. What is wrong with the settings is an error; that the API
    /// cannot be reached is not.
    #[cfg(feature = "k8s")]
    pub(super) async fn follow(&self, config: &Config, vital: &mut Vital) -> anyhow::Result<()> {
        let Some(kubernetes) = &config.kubernetes else {
            return Ok(());
        };
        let settings = settings(kubernetes)?;
        let client = cluster::connect(&settings).await;
        let client = client.context("preparing to ask the cluster's API")?;
        let (pods, freshness) = (self.pods(), self.freshness());
        vital.spawn("following the cluster", async move {
            cluster::follow(client, settings.node.as_deref(), pods, freshness).await;
        });
        Ok(())
    }

    /// Nobody is asked: the configuration has no cluster in such a build.
    #[cfg(not(feature = "k8s"))]
    #[expect(clippy::unused_async, reason = "a build with Kubernetes waits here")]
    pub(super) async fn follow(&self, _config: &Config, _vital: &mut Vital) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "k8s")]
fn settings(kubernetes: &Kubernetes) -> anyhow::Result<ClusterSettings> {
    let node = match kubernetes.watch {
        WatchWord::Off | WatchWord::Cluster => None,
        WatchWord::Node => Some(node(kubernetes)?.as_str().into()),
    };
    Ok(ClusterSettings {
        kubeconfig: kubernetes.kubeconfig.clone(),
        node,
    })
}

#[cfg(feature = "k8s")]
fn node(kubernetes: &Kubernetes) -> anyhow::Result<NodeName> {
    if let Some(node) = &kubernetes.node {
        return Ok(node.clone());
    }
    let said = std::env::var(NODE_NAME).with_context(|| {
        format!("which node is this? set kubernetes.node, or {NODE_NAME} in the environment")
    })?;
    NodeName::parse(&said)
        .with_context(|| format!("{NODE_NAME} is {said:?}, which no node is called"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::Watched;

    fn cluster() -> Cluster {
        let (pods, freshness) = (Arc::<Pods>::default(), Arc::<Freshness>::default());
        let known = (Arc::clone(&pods), Arc::clone(&freshness));
        let identifier = Identifier::new(known.0, known.1, "/", Duration::ZERO);
        Cluster {
            pods,
            freshness,
            identifier: Arc::new(identifier),
            timeout: Duration::ZERO,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_pods_are_waited_for_and_not_for_ever() {
        let cluster = cluster();
        let freshness = cluster.freshness();
        freshness.synced(Watched::Pods, 0);
        freshness.failed(Watched::Namespaces, "forbidden".into());
        let error = cluster.known().await.expect_err("not all are known");
        assert!(error.to_string().ends_with(": forbidden"), "{error}");
        let waiting = tokio::spawn(async move { cluster.known().await });
        tokio::time::sleep(KNOWN / 2).await;
        assert!(!waiting.is_finished());
        freshness.synced(Watched::Namespaces, 1);
        waiting.await.expect("it ends").expect("they are known");
    }
}
