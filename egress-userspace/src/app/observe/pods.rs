//! What is known of the cluster's pods, and how fresh it is.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::pods::{Freshness, Pods, State};

/// The pods of a cluster.
#[derive(Debug)]
pub(in crate::app) struct KnownPods {
    pub(in crate::app) pods: Arc<Pods>,
    pub(in crate::app) freshness: Arc<Freshness>,
}

impl Collector for KnownPods {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let fresh = self.freshness.now();
        let synced = fresh.state == State::Synced;
        let is_heard = fresh.state >= State::Partial;
        let gauge = encoder.encode_descriptor(
            "egress_cluster_synced",
            "Whether what is known of pods is as the cluster's API has it: 1, or 0.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(i64::from(synced)).encode(gauge)?;
        let stale = if is_heard {
            0.0
        } else {
            fresh.lasted.as_secs_f64()
        };
        let gauge = encoder.encode_descriptor(
            "egress_cluster_stale_seconds",
            "For how long changes of pods have not been known; 0 while they are.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(stale).encode(gauge)?;
        let gauge = encoder.encode_descriptor(
            "egress_cluster_pods",
            "Pods that are known, with those that ended a moment ago.",
            None,
            MetricType::Gauge,
        )?;
        let pods = i64::try_from(self.pods.count()).unwrap_or(i64::MAX);
        ConstGauge::new(pods).encode(gauge)
    }
}
