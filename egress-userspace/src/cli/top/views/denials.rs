//! By denial: what was denied, to whom and why, and what would allow it.

use std::collections::HashMap;

use crate::answers::Denial;
use crate::cli::top::cell::Cell;
use crate::cli::top::look::Looks;
use crate::cli::top::table::{Column, Row};

use super::known;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0),
    Column::text("TO", "dst", 1),
    Column::text("REASON", "reason", 2),
    Column::number("COUNT", "count", 3),
    Column::number("RATE", "count_per_second", 5),
    Column::text("LAST", "last", 4),
    Column::path("PROGRAM", "exe", 6),
    Column::path("CGROUP", "cgroup", 7),
    Column::text("VERDICT", "verdict", 8),
];

pub(super) fn rows(looks: &Looks) -> Vec<Row> {
    let earlier = looks.before();
    let before: HashMap<_, _> = earlier
        .iter()
        .flat_map(|earlier| &earlier.look.denials.denied)
        .map(|denial| (id(denial), denial.count))
        .collect();
    let row = |now: &Denial| {
        let id = id(now);
        let rate = earlier.and_then(|earlier| {
            let before = before.get(&id).copied();
            // One that was not there before is new, or had made way for others: then its count began anew.
            earlier.rate(before.unwrap_or_default(), now.count)
        });
        Row {
            cells: vec![
                Cell::text(now.name.as_deref()),
                Cell::text(now.destination().as_deref()),
                Cell::Text(now.reason.clone()),
                Cell::Count(now.count),
                Cell::rate(rate),
                Cell::Moment(now.last.clone()),
                Cell::text(now.exe.as_deref()),
                Cell::text(now.cgroup.as_deref()),
                Cell::Text(now.verdict.clone()),
            ],
            more: known([
                ("meaning", Cell::Text(now.meaning.clone())),
                ("protocol", Cell::text(now.protocol.as_deref())),
                ("service", Cell::text(now.service.as_deref())),
                ("rule", Cell::text(now.rule.as_deref())),
                ("first", Cell::Moment(now.first.clone())),
                ("allow", Cell::text(now.allow.as_deref())),
            ]),
            id,
        }
    };
    looks.now.denials.denied.iter().map(row).collect()
}

/// All that tells one row from another.
fn id(denial: &Denial) -> String {
    format!(
        "{:?}",
        (
            &denial.name,
            denial.destination(),
            &denial.protocol,
            &denial.reason,
            &denial.verdict,
            &denial.service,
            &denial.cgroup,
            &denial.exe
        )
    )
}
