//! Traffic by service.

use std::collections::BTreeMap;

use crate::account::{PASSTHROUGH, Totals};
use crate::answers::{Service, Services};
use crate::types::ServiceName;

use super::Api;

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
            told(service, live, totals)
        });
        Services {
            services: told.collect(),
        }
    }
}

fn told(name: String, live: u64, totals: Totals) -> Service {
    Service {
        name,
        live,
        opened: totals.opened,
        closed: totals.closed,
        failed: totals.failed,
        sent_bytes: totals.traffic.from_upstream,
        received_bytes: totals.traffic.from_client,
    }
}
