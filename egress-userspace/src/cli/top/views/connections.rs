//! By connection: those that live, as many as were asked for.

use std::collections::HashMap;

use crate::answers::Connection;
use crate::cli::top::cell::Cell;
use crate::cli::top::look::{Earlier, Looks};
use crate::cli::top::table::{Column, Row};

use super::known;

pub(super) const COLUMNS: &[Column] = &[
    Column::number("ID", "id", 9),
    Column::text("SERVICE", "service", 4),
    Column::text("NAME", "name", 0),
    Column::text("TO", "dst", 1),
    Column::text("FROM", "client", 10),
    Column::path("PROGRAM", "exe", 3),
    Column::number("PID", "pid", 8),
    Column::number("AGE", "age_ms", 5),
    Column::number("DOWN/s", "sent_bytes_per_second", 2),
    Column::number("UP/s", "received_bytes_per_second", 2),
    Column::number("DOWN", "sent_bytes", 6),
    Column::number("UP", "received_bytes", 7),
];

pub(super) fn rows(looks: &Looks) -> Vec<Row> {
    let growth = Growth::new(looks);
    let row = |now: &Connection| {
        let (sent, received) = growth.of(now).unzip();
        // A caller of another node has no process here.
        let of_process = |count: u32| match now.caller.listener {
            Some(_) => Cell::text(None),
            None => Cell::Count(count.into()),
        };
        Row {
            // So that the order of the texts is that of the numbers.
            id: format!("{:020}", now.id),
            cells: vec![
                Cell::Count(now.id),
                Cell::text(now.service.as_deref()),
                Cell::text(now.name.as_deref()),
                Cell::Text(now.dst.clone()),
                Cell::Text(now.client.clone()),
                Cell::text(now.caller.exe.as_deref()),
                of_process(now.caller.pid),
                Cell::Age(now.age_ms),
                Cell::byte_rate(sent),
                Cell::byte_rate(received),
                Cell::Bytes(now.bytes_sent),
                Cell::Bytes(now.bytes_received),
            ],
            more: known([
                ("upstream", Cell::text(now.upstream.as_deref())),
                ("protocol", Cell::text(now.protocol.as_deref())),
                ("rule", Cell::text(now.rule.as_deref())),
                ("verdict", Cell::text(now.verdict.as_deref())),
                ("reason", Cell::text(now.reason.as_deref())),
                ("pod", Cell::text(now.caller.pod.as_deref())),
                ("cgroup", Cell::Text(now.caller.cgroup.clone())),
                ("uid", of_process(now.caller.uid)),
                ("listener", Cell::text(now.caller.listener.as_deref())),
                ("policy_generation", Cell::Count(now.policy_generation)),
            ]),
        }
    };
    looks.now.connections.connections.iter().map(row).collect()
}

/// What connections have moved since the look before.
pub(super) struct Growth<'a> {
    earlier: Option<Earlier<'a>>,
    before: HashMap<u64, &'a Connection>,
}

impl<'a> Growth<'a> {
    pub(super) fn new(looks: &'a Looks) -> Self {
        let earlier = looks.before();
        let before = earlier
            .iter()
            .flat_map(|earlier| &earlier.look.connections.connections)
            .map(|connection| (connection.id, connection))
            .collect();
        Self { earlier, before }
    }

    /// Bytes in a second, to the client and from it. Not known of a connection that lived then, and was
    /// not among those that were told.
    pub(super) fn of(&self, now: &Connection) -> Option<(f64, f64)> {
        let earlier = self.earlier?;
        let (sent, received) = match self.before.get(&now.id) {
            Some(before) => (before.bytes_sent, before.bytes_received),
            None if u128::from(now.age_ms) <= earlier.elapsed.as_millis() => (0, 0),
            None => return None,
        };
        let sent = earlier.rate(sent, now.bytes_sent)?;
        Some((sent, earlier.rate(received, now.bytes_received)?))
    }
}
