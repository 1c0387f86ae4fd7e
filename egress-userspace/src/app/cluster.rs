//! The cluster whose pods callers are.

use std::sync::Arc;

#[cfg(feature = "k8s")]
use anyhow::Context as _;

use crate::account::Metrics;
#[cfg(feature = "k8s")]
use crate::cluster::{self, ClusterSettings};
use crate::config::Config;
#[cfg(feature = "k8s")]
use crate::config::{Kubernetes, NodeName, WatchWord};
use crate::pods::{Freshness, Identifier, Pods};

use super::observe;

/// What the environment has the name of the node as, by Kubernetes' downward API.
#[cfg(feature = "k8s")]
const NODE_NAME: &str = "NODE_NAME";

/// What is known of a cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
    identifier: Arc<Identifier>,
}

impl Cluster {
    /// The configuration's, if it has one. Nothing is known of it yet, and the metrics say so.
    pub(super) fn of(config: &Config, metrics: &mut Metrics) -> Option<Self> {
        let kubernetes = config.kubernetes.as_ref()?;
        let pods = Arc::<Pods>::default();
        let root = kubernetes.cgroup_root.as_str();
        let identifier = Identifier::new(Arc::clone(&pods), root, kubernetes.identity_timeout);
        let cluster = Self {
            pods,
            freshness: Arc::default(),
            identifier: Arc::new(identifier),
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

    /// Asks its API for as long as the gateway runs. What is wrong with the settings is an error; that the API
    /// cannot be reached is not.
    #[cfg(feature = "k8s")]
    pub(super) async fn follow(&self, config: &Config) -> anyhow::Result<()> {
        let Some(kubernetes) = &config.kubernetes else {
            return Ok(());
        };
        let settings = settings(kubernetes)?;
        let client = cluster::connect(&settings).await;
        let client = client.context("preparing to ask the cluster's API")?;
        let (pods, freshness) = (self.pods(), self.freshness());
        tokio::spawn(async move {
            cluster::follow(client, settings.node.as_deref(), pods, freshness).await;
        });
        Ok(())
    }

    /// Nobody is asked: the configuration has no cluster in such a build.
    #[cfg(not(feature = "k8s"))]
    #[expect(clippy::unused_async, reason = "a build with Kubernetes waits here")]
    #[expect(
        clippy::unused_self,
        reason = "a build with Kubernetes has what to fill"
    )]
    pub(super) async fn follow(&self, _config: &Config) -> anyhow::Result<()> {
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
