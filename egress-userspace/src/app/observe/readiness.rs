//! Whether the gateway is ready, as its health page says.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::admin::Readiness;

/// Whether it is ready.
#[derive(Debug)]
pub(in crate::app) struct Ready(pub(in crate::app) watch::Receiver<Readiness>);

impl Collector for Ready {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauge = encoder.encode_descriptor(
            "egress_ready",
            "Whether the gateway takes connections: 1, or 0 while it starts and while it drains.",
            None,
            MetricType::Gauge,
        )?;
        let ready = *self.0.borrow() == Readiness::Ready;
        ConstGauge::new(i64::from(ready)).encode(gauge)
    }
}
