//! The cluster whose pods callers are.

use std::sync::Arc;

#[cfg(feature = "k8s")]
use anyhow::Context as _;

#[cfg(feature = "k8s")]
use crate::cluster::{self, ClusterSettings};
use crate::config::Kubernetes;
#[cfg(feature = "k8s")]
use crate::config::{NodeName, WatchWord};
use crate::pods::{Freshness, Identifier, Pods};

/// What the environment has the name of the node as, by Kubernetes' downward API.
#[cfg(feature = "k8s")]
const NODE_NAME: &str = "NODE_NAME";

/// What is known of a cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) pods: Arc<Pods>,
    pub(super) freshness: Arc<Freshness>,
    pub(super) identifier: Arc<Identifier>,
}

impl Cluster {
    /// Nothing is known yet.
    pub(super) fn new(kubernetes: &Kubernetes) -> Self {
        let pods = Arc::<Pods>::default();
        let root = kubernetes.cgroup_root.as_str();
        let identifier = Identifier::new(Arc::clone(&pods), root, kubernetes.identity_timeout);
        Self {
            pods,
            freshness: Arc::default(),
            identifier: Arc::new(identifier),
        }
    }

    /// Begins to ask its API, and goes on for as long as the gateway runs. What is wrong with the settings is an
    /// error; that the API cannot be reached is not.
    #[cfg(feature = "k8s")]
    pub(super) async fn follow(&self, kubernetes: &Kubernetes) -> anyhow::Result<()> {
        let settings = settings(kubernetes)?;
        let client = cluster::connect(&settings).await?;
        let (pods, freshness) = (Arc::clone(&self.pods), Arc::clone(&self.freshness));
        tokio::spawn(async move {
            cluster::follow(client, settings.node.as_deref(), pods, freshness).await;
        });
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
