//! What the kernel side and the relay count, read when the metrics are asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tracing::warn;

use crate::kernel::Counters;
use crate::relay;

/// The kernel programs' counters.
pub(super) struct KernelCounters(pub(super) Counters);

impl Collector for KernelCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = match self.0.read() {
            Ok(counters) => counters,
            Err(error) => {
                warn!(%error, "the kernel's counters cannot be read");
                return Ok(());
            }
        };
        let mut family = encoder.encode_descriptor(
            "egress_kernel",
            "What the kernel programs did, by kind, since they were loaded.",
            None,
            MetricType::Counter,
        )?;
        for (kind, count) in counters {
            ConstCounter::new(count).encode(family.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for KernelCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCounters").finish_non_exhaustive()
    }
}

/// The relay's pipes.
#[derive(Debug)]
pub(super) struct RelayPipes;

impl Collector for RelayPipes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let relay::Stats {
            pipes_in_use,
            pipes_pooled,
            fallbacks,
        } = relay::stats();
        let mut pipes = encoder.encode_descriptor(
            "egress_relay_pipes",
            "Pipes of the splice engine, by state.",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in [("in_use", pipes_in_use), ("pooled", pipes_pooled)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(pipes.encode_family(&[("state", state)])?)?;
        }
        let fallback = encoder.encode_descriptor(
            "egress_relay_fallbacks",
            "Bulk directions that copied because no pipe was to be had.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(fallbacks).encode(fallback)
    }
}
