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

impl Api {
    pub(super) fn services(&self) -> Services {
        let mut live = BTreeMap::<String, u64>::new();
        for connection in self.gateway.connections.all() {
            let service = connection
                .service()
                .map_or(PASSTHROUGH, ServiceName::as_str);
            match live.get_mut(service) {
                Some(count) => *count += 1,
                None => drop(live.insert(service.to_owned(), 1)),
            }
        }
        self.gateway.tell_traffic();
        let mut totals = self.metrics.totals();
        for service in live.keys() {
            totals.entry(service.clone()).or_default();
        }
        let told = totals.into_iter().map(|(service, totals)| {
            let live = live.remove(&service).unwrap_or_default();
            Told::new(service, live, totals)
        });
        Services {
            services: told.collect(),
        }
    }
}

impl Told {
    fn new(service: String, live: u64, totals: Totals) -> Self {
        Self {
            service,
            live,
            opened: totals.opened,
            closed: totals.closed,
            failed: totals.failed,
            sent_bytes: totals.traffic.from_upstream,
            received_bytes: totals.traffic.from_client,
        }
    }
}
