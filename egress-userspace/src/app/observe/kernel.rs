//! What the kernel side counts, holds and has attached.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use tracing::warn;

use super::gauges;
use crate::kernel::Shown;

/// Those counters that tell of something lost because a ring buffer was full, each with the ring's name.
const RINGS: [(&str, &str); 2] = [("event_lost", "EVENTS"), ("early_lost", "EARLY")];

/// The kernel programs' counters.
pub(in crate::app) struct KernelCounters(pub(in crate::app) Arc<Shown>);

impl Collector for KernelCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = match self.0.counters.read() {
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
        for (kind, count) in &counters {
            ConstCounter::new(*count).encode(family.encode_family(&[("kind", *kind)])?)?;
        }
        let mut dropped = encoder.encode_descriptor(
            "egress_kernel_ring_dropped",
            "Records that found no room in a ring buffer to the gateway, by ring.",
            None,
            MetricType::Counter,
        )?;
        for (kind, ring) in RINGS {
            if let Some((_, count)) = counters.iter().find(|(label, _)| *label == kind) {
                ConstCounter::new(*count).encode(dropped.encode_family(&[("ring", ring)])?)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KernelCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCounters").finish_non_exhaustive()
    }
}

/// How full the kernel programs' maps are.
pub(in crate::app) struct KernelFill(pub(in crate::app) Arc<Shown>);

impl Collector for KernelFill {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let maps = self.0.fill.read();
        gauges(
            &mut encoder,
            "egress_kernel_map_entries",
            "Entries in a map of the kernel programs.",
            "map",
            maps.iter().map(|filled| (filled.map, filled.entries)),
        )?;
        gauges(
            &mut encoder,
            "egress_kernel_map_room",
            "Entries that a map of the kernel programs has room for.",
            "map",
            maps.iter().map(|filled| (filled.map, filled.room)),
        )
    }
}

impl fmt::Debug for KernelFill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelFill").finish_non_exhaustive()
    }
}

/// Which of the kernel programs are attached.
pub(in crate::app) struct KernelPrograms(pub(in crate::app) Arc<Shown>);

impl Collector for KernelPrograms {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let programs = self.0.attachments.read();
        gauges(
            &mut encoder,
            "egress_kernel_program_attached",
            "Whether a kernel program is attached to its cgroup: 1, or 0 where it is lacking.",
            "program",
            programs
                .iter()
                .map(|(program, attached)| (*program, usize::from(*attached))),
        )
    }
}

impl fmt::Debug for KernelPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelPrograms").finish_non_exhaustive()
    }
}
