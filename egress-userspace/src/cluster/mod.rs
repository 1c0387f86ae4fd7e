//! What a Kubernetes cluster's API tells of pods and their namespaces, watched into [`Pods`].
//!
//! The gateway does not wait for it. Whatever goes wrong with the API is tried again for ever; what was known
//! last stays in force meanwhile, and [`Freshness`] says so. Only the fields that are kept are read.

mod backoff;
mod census;
mod client;
mod objects;
mod trouble;
mod watch;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::time::interval;

use crate::pods::{Freshness, Pods};

use census::Census;
pub use client::{NoClient, connect};
use objects::{ApiNamespace, ApiPod};
use watch::{Follower, PAGE_BYTES};

/// How often it is looked for pods that ended long enough ago: a small part of how long they are known.
const SWEEP: Duration = Duration::from_secs(30);

/// Which cluster, and which of its pods.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// How the API is reached; `None`: as a pod of the cluster reaches it.
    pub kubeconfig: Option<PathBuf>,
    /// The node whose pods are watched; `None`: those of all nodes.
    pub node: Option<Box<str>>,
}

/// Watches a cluster for as long as it is polled, and says how that goes.
pub async fn follow(
    client: Client,
    node: Option<&str>,
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
) {
    let census = Arc::new(Census::new(Arc::clone(&pods)));
    let follower = |fields| Follower {
        client: client.clone(),
        fields,
        census: Arc::clone(&census),
        freshness: Arc::clone(&freshness),
        page_bytes: PAGE_BYTES,
    };
    let of_node = node.map(|node| format!("spec.nodeName={node}"));
    let sweep = async {
        let mut ticks = interval(SWEEP);
        loop {
            ticks.tick().await;
            pods.forget_ended();
        }
    };
    tokio::join!(
        follower(None).follow::<ApiNamespace>(),
        follower(of_node).follow::<ApiPod>(),
        sweep,
    );
}

#[cfg(test)]
mod tests;
