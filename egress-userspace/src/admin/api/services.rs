//! Traffic by service.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::account::{PASSTHROUGH, Totals};
use crate::types::ServiceName;

use super::Api;

/// Every service that anything is known of.
#[derive(Debug, Serialize)]
pub(super) struct Services {
    services: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    live: u64,
    opened: u64,
    closed: u64,
    failed: u64,
    sent_bytes: u64,
    received_bytes: u64,
}

/// What live connections add to what is counted when they end.
#[derive(Default)]
struct Live {
    count: u64,
    sent: u64,
    received: u64,
}

impl Api {
    pub(super) fn services(&self) -> Services {
        let mut live = BTreeMap::<String, Live>::new();
        for connection in self.gateway.connections.all() {
            let service = connection
                .service()
                .map_or(PASSTHROUGH, ServiceName::as_str);
            let sum = match live.get_mut(service) {
                Some(sum) => sum,
                None => live.entry(service.to_owned()).or_default(),
            };
            sum.count += 1;
            sum.sent += connection.counters().received();
            sum.received += connection.counters().sent();
        }
        // After the live ones: one that ends in between is told too low, and not twice.
        let mut totals = self.metrics.totals();
        for service in live.keys() {
            totals.entry(service.clone()).or_default();
        }
        let told = totals.into_iter().map(|(service, totals)| {
            let live = live.remove(&service).unwrap_or_default();
            Told::new(service, totals, &live)
        });
        Services {
            services: told.collect(),
        }
    }
}

impl Told {
    fn new(service: String, totals: Totals, live: &Live) -> Self {
        Self {
            service,
            live: live.count,
            opened: totals.opened,
            closed: totals.closed,
            failed: totals.failed,
            sent_bytes: totals.traffic.from_upstream + live.sent,
            received_bytes: totals.traffic.from_client + live.received,
        }
    }
}
