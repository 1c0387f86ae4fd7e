//! Istio's TCP metrics: five counters of each set of labels, found by one look. Bytes are counted while
//! connections last, with the labels of those that have nothing to remark, and the rest at their end.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::labels::{Destination, TcpLabels};
use crate::account::record::Traffic;
use crate::types::ServiceName;

/// Sets of labels that tell the workload. A node has some hundred pods, and each goes to a few services; but those
/// of jobs are called anew each time, and labels stay. What comes after is counted without its workload.
const SOURCES: usize = 10_000;

/// The counters of all labels. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tcp(Arc<RwLock<HashMap<TcpLabels, Series, RandomState>>>);

/// The counters of one set of labels.
#[derive(Debug, Default)]
pub(super) struct Series {
    opened: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    /// Times that bytes were counted.
    moved: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl Tcp {
    /// Counts what came of a connection with these labels.
    pub(super) fn count(&self, labels: &TcpLabels, what: impl Fn(&Series)) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(labels) {
            return what(series);
        }
        let has_room = labels.source.is_none() || known.len() < SOURCES;
        drop(known);
        if !has_room {
            let labels = TcpLabels {
                source: None,
                ..labels.clone()
            };
            return self.count(&labels, what);
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        what(known.entry(labels.clone()).or_default());
    }
}

impl Tcp {
    /// Forgets services of namespaces' own that no longer are: who writes those must not fill the memory with
    /// names.
    pub(super) fn forget(&self, is_one: impl Fn(&ServiceName) -> bool) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|labels, _| match &labels.destination {
            Destination::Service(name) => !name.is_namespaces() || is_one(name),
            Destination::BlackHole | Destination::Passthrough | Destination::Unknown => true,
        });
    }
}

/// What came of all connections to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections to an upstream made.
    pub opened: u64,
    /// Connections to an upstream ended.
    pub closed: u64,
    /// Connections that were denied or could not be made.
    pub failed: u64,
    /// Bytes moved so far; those of live connections are some seconds old.
    pub traffic: Traffic,
}

impl Tcp {
    /// What has been counted, by the name that Istio's metrics have for the destination.
    pub(super) fn totals(&self) -> BTreeMap<String, Totals> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut totals = BTreeMap::<String, Totals>::new();
        for (labels, series) in &*known {
            let name = labels.destination.service_name();
            let sum = match totals.get_mut(name) {
                Some(sum) => sum,
                None => totals.entry(name.to_owned()).or_default(),
            };
            let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            sum.opened += read(&series.opened);
            sum.closed += read(&series.closed);
            sum.failed += read(&series.failed);
            sum.traffic.from_upstream += read(&series.sent_bytes);
            sum.traffic.from_client += read(&series.received_bytes);
        }
        totals
    }
}

impl Series {
    pub(super) fn opened(&self) {
        add(&self.opened, 1);
    }

    pub(super) fn failed(&self) {
        add(&self.failed, 1);
    }

    pub(super) fn closed(&self, traffic: Traffic) {
        add(&self.closed, 1);
        self.moved(traffic);
    }

    /// Since it was told of last.
    pub(super) fn moved(&self, traffic: Traffic) {
        add(&self.moved, 1);
        add(&self.sent_bytes, traffic.from_upstream);
        add(&self.received_bytes, traffic.from_client);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// A counter as it is shown: labels that it has never counted anything with have none.
struct Shown {
    name: &'static str,
    help: &'static str,
    /// Says, by how often, whether there is anything to show.
    times: fn(&Series) -> &AtomicU64,
    value: fn(&Series) -> &AtomicU64,
}

const SHOWN: [Shown; 5] = [
    Shown {
        name: "istio_tcp_connections_opened",
        help: "Connections to an upstream made.",
        times: |series| &series.opened,
        value: |series| &series.opened,
    },
    Shown {
        name: "istio_tcp_connections_closed",
        help: "Connections to an upstream ended.",
        times: |series| &series.closed,
        value: |series| &series.closed,
    },
    Shown {
        name: "istio_tcp_connections_failed",
        help: "Connections that were denied or could not be made.",
        times: |series| &series.failed,
        value: |series| &series.failed,
    },
    Shown {
        name: "istio_tcp_sent_bytes",
        help: "Bytes of responses, from the upstream to the client.",
        times: |series| &series.moved,
        value: |series| &series.sent_bytes,
    },
    Shown {
        name: "istio_tcp_received_bytes",
        help: "Bytes of requests, from the client to the upstream.",
        times: |series| &series.moved,
        value: |series| &series.received_bytes,
    },
];

impl Collector for Tcp {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for shown in &SHOWN {
            let mut family =
                encoder.encode_descriptor(shown.name, shown.help, None, MetricType::Counter)?;
            for (labels, series) in &*known {
                if (shown.times)(series).load(Ordering::Relaxed) > 0 {
                    let value = (shown.value)(series).load(Ordering::Relaxed);
                    ConstCounter::new(value).encode(family.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}
