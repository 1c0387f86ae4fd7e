//! What the gateway is, and how it stands.

use tracing::warn;

use crate::account::Timestamp;
use crate::answers::{Kernel, Places, Reload, Status};
use crate::types::Mode;

use super::{Api, Asker};

impl Api {
    pub(super) fn status(&self, asker: Asker) -> Status {
        let standing = self.standing.borrow().clone();
        let last_reload = standing.last_reload.map(|reload| match asker {
            Asker::Operator => reload,
            // It shows lines of the file.
            Asker::Anyone => Reload {
                error: None,
                ..reload
            },
        });
        let namespaces = match asker {
            Asker::Operator => standing.namespaces,
            Asker::Anyone => standing.namespaces.without_errors(),
        };
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            readiness: self.readiness.borrow().to_string(),
            started: Timestamp::from(self.started).to_string(),
            mode: match standing.mode {
                Mode::Enforce => "enforce",
                Mode::Audit => "audit",
            }
            .into(),
            policy_generation: standing.generation.0,
            services: standing.services as u64,
            config: standing.config.display().to_string(),
            last_reload,
            namespaces: (namespaces.files > 0).then_some(namespaces),
            connections: Places {
                now: self.gateway.connections.count() as u64,
                limit: standing.limit.into(),
                accepted: self.gateway.accepted(),
            },
            cluster: self.cluster.as_ref().map(|cluster| cluster.told(asker)),
            log_level: self.diagnostics.levels.now(),
            kernel: self.kernel(),
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        let counters = self.kernel.counters.read();
        let counters = counters
            .inspect_err(|error| warn!(%error, "the kernel's counters cannot be read"))
            .ok()?;
        let programs = self.kernel.attachments.read().into_iter();
        let lacking = programs.filter(|(_, attached)| !attached);
        Some(Kernel {
            lacking: lacking.map(|(program, _)| program.into()).collect(),
            counters: counters
                .into_iter()
                .map(|(kind, count)| (kind.into(), count))
                .collect(),
        })
    }
}
