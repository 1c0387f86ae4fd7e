//! What the kernel side, the dialer and the relay count, read when the metrics are asked for.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tracing::warn;

use crate::dial::{Memory, ServiceStats};
use crate::dns::Learned;
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

/// What dialling remembers of services, for those of which anything is remembered.
#[derive(Debug)]
pub(super) struct DialMemory(pub(super) Arc<Memory>);

impl Collector for DialMemory {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.0.stats();
        let mut gauge = |name, help, read: fn(&ServiceStats) -> u64| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (service, stats) in &stats {
                let count = i64::try_from(read(stats)).unwrap_or(i64::MAX);
                let labels = [("destination_service_name", service.as_str())];
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        gauge(
            "egress_service_connections",
            "Connections held now, of services whose traffic policy needs them counted.",
            |stats| stats.live.into(),
        )?;
        gauge(
            "egress_service_ejected",
            "Addresses that outlier detection passes over now, by service.",
            |stats| stats.ejected,
        )?;
        let mut counter = |name, help, read: fn(&ServiceStats) -> u64| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (service, stats) in &stats {
                let labels = [("destination_service_name", service.as_str())];
                ConstCounter::new(read(stats)).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        counter(
            "egress_service_ejections",
            "Times that outlier detection began to pass over an address, by service.",
            |stats| stats.ejections,
        )?;
        counter(
            "egress_service_overflows",
            "Connections refused because their service had max_connections, by service.",
            |stats| stats.overflows,
        )?;
        let names = i64::try_from(self.0.seen().names()).unwrap_or(i64::MAX);
        let seen = encoder.encode_descriptor(
            "egress_dial_names",
            "Names whose addresses are remembered.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(names).encode(seen)
    }
}

/// The names that callers were told.
pub(super) struct LearnedNames(pub(super) Arc<Learned>);

impl Collector for LearnedNames {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let names = encoder.encode_descriptor(
            "egress_dns_learned_names",
            "Names with their addresses that callers were told, remembered now.",
            None,
            MetricType::Gauge,
        )?;
        let count = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        ConstGauge::new(count).encode(names)
    }
}

impl fmt::Debug for LearnedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearnedNames").finish_non_exhaustive()
    }
}
