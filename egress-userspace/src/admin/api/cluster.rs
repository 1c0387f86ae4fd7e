//! What is known of the cluster's pods.

use std::sync::Arc;

use crate::account::Timestamp;
use crate::answers::Cluster;
use crate::pods::{Fresh, Freshness, Pods};

use super::Asker;

/// Whom the API asks about pods.
#[derive(Debug)]
pub struct ClusterView {
    /// How many are known.
    pub pods: Arc<Pods>,
    /// How fresh that is.
    pub freshness: Arc<Freshness>,
}

impl ClusterView {
    pub(super) fn told(&self, asker: Asker) -> Cluster {
        let Fresh {
            state,
            since,
            trouble,
            ..
        } = self.freshness.now();
        Cluster {
            state: state.label().into(),
            since: Timestamp::from(since).to_string(),
            pods: self.pods.count() as u64,
            error: match asker {
                Asker::Operator => trouble.map(Into::into),
                // It is what another server says.
                Asker::Anyone => None,
            },
        }
    }
}
