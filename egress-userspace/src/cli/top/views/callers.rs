//! By caller: the executables of the live connections that were told, with the pods, or else the cgroups, that
//! they run in.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::top::cell::Cell;
use crate::cli::top::look::Looks;
use crate::cli::top::table::{Column, Row};

use super::connections::Growth;

pub(super) const COLUMNS: &[Column] = &[
    Column::path("PROGRAM", "exe", 0),
    Column::path("POD OR CGROUP", "place", 1),
    Column::number("PROCESSES", "processes", 5),
    Column::number("LIVE", "live", 2),
    Column::number("DOWN/s", "sent_bytes_per_second", 3),
    Column::number("UP/s", "received_bytes_per_second", 4),
    Column::number("DOWN", "sent_bytes", 6),
    Column::number("UP", "received_bytes", 7),
];

/// What the live connections of a caller come to.
#[derive(Default)]
struct Sum<'a> {
    processes: BTreeSet<u32>,
    services: BTreeSet<&'a str>,
    live: u64,
    sent: u64,
    received: u64,
    /// Of those whose growth is known, if any is.
    growth: Option<(f64, f64)>,
}

pub(super) fn rows(looks: &Looks) -> Vec<Row> {
    let growth = Growth::new(looks);
    let mut callers = BTreeMap::<_, Sum<'_>>::new();
    for connection in &looks.now.connections.connections {
        let caller = &connection.caller;
        // A caller of another node has neither process nor cgroup here: the listener's name is in its place.
        let place = caller.listener.as_ref().unwrap_or(&caller.cgroup);
        let place = caller.pod.as_ref().unwrap_or(place);
        let who = (caller.exe.as_deref(), place.as_str());
        let sum = callers.entry(who).or_default();
        if caller.listener.is_none() {
            sum.processes.insert(caller.pid);
        }
        sum.services.extend(connection.service.as_deref());
        sum.live += 1;
        sum.sent = sum.sent.saturating_add(connection.bytes_sent);
        sum.received = sum.received.saturating_add(connection.bytes_received);
        if let Some((sent, received)) = growth.of(connection) {
            let (sent_before, received_before) = sum.growth.unwrap_or_default();
            sum.growth = Some((sent_before + sent, received_before + received));
        }
    }
    callers.into_iter().map(row).collect()
}

fn row(((exe, place), sum): ((Option<&str>, &str), Sum<'_>)) -> Row {
    let (sent, received) = sum.growth.unzip();
    let services: Vec<_> = sum.services.into_iter().collect();
    Row {
        // A path has no zero byte in it.
        id: format!("{}\0{place}", exe.unwrap_or_default()),
        cells: vec![
            Cell::text(exe),
            Cell::Text(place.into()),
            Cell::Count(sum.processes.len().try_into().unwrap_or(u64::MAX)),
            Cell::Count(sum.live),
            Cell::byte_rate(sent),
            Cell::byte_rate(received),
            Cell::Bytes(sum.sent),
            Cell::Bytes(sum.received),
        ],
        more: vec![("services", Cell::Text(services.join(", ")))],
    }
}
