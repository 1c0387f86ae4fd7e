//! What is remembered of a connection: metrics and the access log.
//!
//! [`Account::open`] begins a [`Record`] when a connection is accepted; the record gathers facts on
//! the way and tells both when it is over, exactly once.

mod access_log;
mod denials;
mod lookup;
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod record;
mod sampling;

use std::sync::Arc;

pub(crate) use access_log::DNS;
use access_log::Line;
pub use access_log::{AccessLog, LogDestination, LogWriter, NotATime, Timestamp, Unflushed};
pub use denials::{Denials, Denied, Times, Top};
pub use lookup::{Lookup, LookupOutcome};
use metrics::{Destination, Source, TcpLabels};
pub use metrics::{Metrics, PASSTHROUGH, Totals};
#[cfg(feature = "otel")]
pub use otel::{OtelSettings, Telemetry};
pub use record::{Admission, Counted, Counts, Opinion, Outcome, Record, Told, Traffic};
use sampling::Sampling;

use crate::types::{Caller, Claim, ClientAddr, ConnId, OriginalDst, ResponseFlag, ServiceName};

/// Where records go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Account(Arc<Books>);

#[derive(Debug)]
struct Books {
    metrics: Arc<Metrics>,
    log: AccessLog,
    denials: Denials,
    sampling: Sampling,
}

impl Account {
    /// Records go to `metrics` and `log`, where each has a line.
    pub fn new(metrics: Arc<Metrics>, log: AccessLog) -> Self {
        Self(Arc::new(Books {
            metrics,
            log,
            denials: Denials::default(),
            sampling: Sampling::all(),
        }))
    }

    /// From now on only this share, from 0 to 1, of the connections that are allowed and end in order has a line.
    pub fn sample(&self, share: f64) {
        self.0.sampling.set(share);
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

    /// A connection that goes on, with this service or without one, has moved this since it was told of
    /// last. What its end will be is not known, so it is counted as one without a remark.
    pub fn moved(
        &self,
        caller: &Caller,
        service: Option<&ServiceName>,
        claim: &Claim,
        traffic: Traffic,
    ) {
        if traffic == Traffic::default() {
            return;
        }
        let service = service.cloned();
        let labels = TcpLabels {
            source: caller.pod.clone().map(Source),
            destination: service.map_or(Destination::Passthrough, Destination::Service),
            protocol: claim.language().label(),
            flag: ResponseFlag::None,
        };
        self.metrics().moved(&labels, traffic);
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

    fn sampling(&self) -> &Sampling {
        &self.0.sampling
    }
}

#[cfg(test)]
mod documented;
