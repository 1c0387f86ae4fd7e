//! A testbed with a gateway in it: what most tests begin with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::access_log::{AccessLog, Line};
use crate::bed::Testbed;
use crate::client::Client;
use crate::gateway::Gateway;
use crate::metrics::Metrics;
use crate::python::Python;
use crate::wait::wait_until;

/// The services that there are unless a test says otherwise.
pub const REGISTRY: &str = include_str!("registry.toml");

/// What is counted has happened within a fraction of a second; a loaded machine takes longer.
const COUNTED: Duration = Duration::from_secs(30);

/// A testbed, a gateway, and the lines of its access log, one after the other.
#[derive(Debug)]
pub struct Scene {
    // First, and so dropped first: it stands on the testbed.
    /// The gateway.
    pub gateway: Gateway,
    /// Where it stands.
    pub bed: Testbed,
    unread: Mutex<AccessLog>,
}

impl Scene {
    /// With [`REGISTRY`], below these sections of the configuration.
    pub fn new(sections: &str) -> Result<Self> {
        Self::with(&registry(sections))
    }

    /// With this configuration.
    pub fn with(config: &str) -> Result<Self> {
        Self::on(Testbed::new()?, |bed| Gateway::start(bed, config))
    }

    /// On this testbed, with a gateway that is started so.
    pub fn on(bed: Testbed, start: impl FnOnce(&Testbed) -> Result<Gateway>) -> Result<Self> {
        let gateway = start(&bed)?;
        let unread = Mutex::new(gateway.access_log().clone());
        Ok(Self {
            gateway,
            bed,
            unread,
        })
    }

    /// A client in the governed cgroup.
    pub fn governed(&self) -> Client {
        self.bed.governed()
    }

    /// A Python in the governed cgroup.
    pub fn python(&self) -> Result<Python> {
        self.bed.governed().session()
    }

    /// The next line of the access log: of the connection that ended after the last one read.
    pub fn line(&self) -> Result<Line> {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.next()
    }

    /// Waits until the policy of this number is in effect.
    pub fn reloaded(&self, generation: u64) -> Result<()> {
        self.counted("egress_policy_generation", &[], generation)
    }

    /// Waits until a metric has this value.
    pub fn counted(&self, metric: &str, labels: &[(&str, &str)], value: u64) -> Result<()> {
        wait_until(&format!("{metric} is {value}"), COUNTED, || {
            let now = self.metrics().ok()?.sum(metric, labels);
            (now == value).then_some(())
        })
    }

    /// The metrics, now.
    pub fn metrics(&self) -> Result<Metrics> {
        self.gateway.metrics(&self.bed).map(Metrics::new)
    }
}

/// A whole configuration: these sections, and [`REGISTRY`].
pub fn registry(sections: &str) -> String {
    format!("{sections}\n\n{REGISTRY}")
}
