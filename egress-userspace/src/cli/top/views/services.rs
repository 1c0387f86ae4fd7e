//! By service.

use std::collections::HashMap;

use crate::answers::Service;
use crate::cli::top::cell::Cell;
use crate::cli::top::look::Looks;
use crate::cli::top::table::{Column, Row};

use super::{known, meaning};

pub(super) const COLUMNS: &[Column] = &[
    Column::text("SERVICE", "service", 0),
    Column::number("LIVE", "live", 1),
    Column::number("OPENED/s", "opened_per_second", 4),
    Column::number("DOWN/s", "sent_bytes_per_second", 2),
    Column::number("UP/s", "received_bytes_per_second", 3),
    Column::number("DOWN", "sent_bytes", 6),
    Column::number("UP", "received_bytes", 7),
    Column::number("OPENED", "opened", 8),
    Column::number("FAILED", "failed", 5),
];

pub(super) fn rows(looks: &Looks) -> Vec<Row> {
    let earlier = looks.before();
    let before: HashMap<_, _> = earlier
        .iter()
        .flat_map(|earlier| &earlier.look.services.services)
        .map(|service| (service.name.as_str(), service))
        .collect();
    let none = Service::default();
    let row = |now: &Service| {
        // A service that was not there before had carried nothing.
        let before = before.get(now.name.as_str()).copied().unwrap_or(&none);
        let rate = |read: fn(&Service) -> u64| earlier?.rate(read(before), read(now));
        Row {
            id: now.name.clone(),
            cells: vec![
                Cell::Text(now.name.clone()),
                Cell::Count(now.live),
                Cell::rate(rate(|service| service.opened)),
                Cell::byte_rate(rate(|service| service.sent_bytes)),
                Cell::byte_rate(rate(|service| service.received_bytes)),
                Cell::Bytes(now.sent_bytes),
                Cell::Bytes(now.received_bytes),
                Cell::Count(now.opened),
                Cell::Count(now.failed),
            ],
            more: known([
                ("closed", Cell::Count(now.closed)),
                ("meaning", Cell::text(meaning(&now.name))),
            ]),
        }
    };
    looks.now.services.services.iter().map(row).collect()
}
