//! What other modules count, and what this process takes, read when the metrics are asked for.

mod kernel;
mod limits;
mod pods;
mod process;
mod readiness;

use std::fmt;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::account::{AccessLog, Metrics};
use crate::admin::Readiness;
use crate::conn::{Bounds, Limits};
use crate::dial::{Memory, ServiceStats};
use crate::dns::Learned;
use crate::kernel::Shown;
use crate::relay;

use super::cluster::Cluster;
use kernel::{KernelCounters, KernelFill, KernelPrograms};
use limits::LimitsInUse;
use pods::KnownPods;
use process::Process;
use readiness::Ready;

/// What is read at each scrape, besides what the kernel side has.
pub(super) struct Observed {
    pub(super) learned: Arc<Learned>,
    pub(super) limits: Limits,
    /// Once it is open.
    pub(super) log: Arc<OnceLock<AccessLog>>,
    memory: Arc<Memory>,
    ready: watch::Receiver<Readiness>,
}

impl Observed {
    /// Nothing is in use yet.
    pub(super) fn new(
        bounds: Bounds,
        memory: &Arc<Memory>,
        ready: &watch::Receiver<Readiness>,
    ) -> Self {
        Self {
            learned: Arc::default(),
            limits: Limits::new(bounds),
            log: Arc::default(),
            memory: Arc::clone(memory),
            ready: ready.clone(),
        }
    }

    /// Adds all of it.
    pub(super) fn register(&self, metrics: &mut Metrics) -> anyhow::Result<()> {
        metrics.register(Ready(self.ready.clone()));
        metrics.register(LimitsInUse {
            limits: self.limits.clone(),
            log: Arc::clone(&self.log),
        });
        metrics.register(RelayPipes);
        metrics.register(DialMemory(Arc::clone(&self.memory)));
        metrics.register(LearnedNames(Arc::clone(&self.learned)));
        metrics.register(Process::new().context("reading what this process takes")?);
        Ok(())
    }
}

/// Adds what is known of a cluster.
pub(super) fn cluster(metrics: &mut Metrics, cluster: &Cluster) {
    metrics.register(KnownPods {
        pods: cluster.pods(),
        freshness: cluster.freshness(),
    });
}

/// Adds what the kernel side has.
pub(super) fn kernel(metrics: &mut Metrics, shown: &Arc<Shown>) {
    metrics.register(KernelPrograms(Arc::clone(shown)));
    metrics.register(KernelCounters(Arc::clone(shown)));
    metrics.register(KernelFill(Arc::clone(shown)));
}

/// The relay's pipes.
#[derive(Debug)]
struct RelayPipes;

impl Collector for RelayPipes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let relay::Stats {
            pipes_in_use,
            pipes_pooled,
            fallbacks,
        } = relay::stats();
        gauges(
            &mut encoder,
            "egress_relay_pipes",
            "Pipes of the splice engine, by state.",
            "state",
            [("in_use", pipes_in_use), ("pooled", pipes_pooled)],
        )?;
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
struct DialMemory(Arc<Memory>);

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
struct LearnedNames(Arc<Learned>);

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

/// Writes a gauge with one label, whose values are few.
fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'a str, usize)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value, count) in values {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        ConstGauge::new(count).encode(family.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}
