//! The limits, and how much of each is in use.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::gauges;
use crate::account::AccessLog;
use crate::conn::Limits;
use crate::relay::{self, Options};

/// Limits that connections share.
#[derive(Debug)]
pub(in crate::app) struct LimitsInUse {
    pub(in crate::app) limits: Limits,
    /// Once it is open.
    pub(in crate::app) log: Arc<OnceLock<AccessLog>>,
}

impl Collector for LimitsInUse {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (taken, bounds) = self.limits.usage();
        let (lines, may_wait) = self.log.get().map(AccessLog::queue).unwrap_or_default();
        let limits = [
            ("connections", taken.connections, bounds.connections),
            (
                "connections_per_cgroup",
                taken.per_cgroup,
                bounds.per_cgroup,
            ),
            ("sniff_memory", taken.sniff_memory, bounds.sniff_memory),
            ("access_log_queue", lines, may_wait),
            (
                "relay_pipes",
                relay::stats().pipes_in_use,
                Options::DEFAULT_MAX_PIPES,
            ),
        ];
        gauges(
            &mut encoder,
            "egress_limit",
            "The most that may be in use at once, by limit; of sniff_memory, bytes.",
            "limit",
            limits.iter().map(|(name, _, bound)| (*name, *bound)),
        )?;
        gauges(
            &mut encoder,
            "egress_limit_used",
            "What is in use now, by limit; of connections_per_cgroup, by the cgroup that has the most.",
            "limit",
            limits.iter().map(|(name, used, _)| (*name, *used)),
        )
    }
}
