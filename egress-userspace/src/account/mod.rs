//! What is remembered of a connection: metrics and the access log.
//!
//! [`Account::open`] begins a [`Record`] when a connection is accepted; the record gathers facts on
//! the way and tells both when it is over, exactly once.

mod access_log;
mod denials;
mod lookup;
mod metrics;
mod record;

use std::sync::Arc;

use access_log::Line;
pub(crate) use access_log::Timestamp;
pub use access_log::{AccessLog, LogDestination, LogWriter, Unflushed};
pub use denials::{Denials, Denied, Times, Top};
pub use lookup::{Lookup, LookupOutcome};
pub use metrics::{Metrics, PASSTHROUGH, Totals};
pub use record::{Admission, Opinion, Outcome, Record, Traffic};

use crate::types::{Caller, ClientAddr, ConnId, OriginalDst};

/// Where records go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Account(Arc<Books>);

#[derive(Debug)]
struct Books {
    metrics: Arc<Metrics>,
    log: AccessLog,
    denials: Denials,
}

impl Account {
    /// Records go to `metrics` and `log`.
    pub fn new(metrics: Arc<Metrics>, log: AccessLog) -> Self {
        Self(Arc::new(Books {
            metrics,
            log,
            denials: Denials::default(),
        }))
    }

    /// Begins the record of a connection that was just accepted.
    pub fn open(&self, conn: ConnId, client: ClientAddr) -> Record {
        Record::new(self.clone(), conn, Some(client))
    }

    /// Begins the record of a connection that the kernel decided about before it reached the gateway.
    pub fn of_kernel(&self, conn: ConnId, dst: OriginalDst, caller: Arc<Caller>) -> Record {
        let mut record = Record::new(self.clone(), conn, None);
        record.origin(dst, caller);
        record
    }

    /// A live connection is forbidden by a new policy, and this is done with it.
    pub fn revoked(&self, action: &'static str) {
        self.metrics().revoked(action);
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What was denied, counted.
    pub fn denials(&self) -> &Denials {
        &self.0.denials
    }

    /// Writes a line, and counts what it says was denied.
    fn write(&self, line: &Line<'_>) {
        self.0.log.write(line);
        if let Some(denied) = Denied::of(line) {
            self.0.denials.add(denied);
        }
    }
}

#[cfg(test)]
mod documented;
