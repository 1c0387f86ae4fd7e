//! The four tables.

mod callers;
mod connections;
mod denials;
mod services;

use super::by::By;
use super::cell::Cell;
use super::look::Looks;
use super::sort::Sort;
use super::table::{Column, Table};

/// What a table's columns are.
pub(super) fn columns(by: By) -> &'static [Column] {
    match by {
        By::Service => services::COLUMNS,
        By::Connection => connections::COLUMNS,
        By::Caller => callers::COLUMNS,
        By::Denial => denials::COLUMNS,
    }
}

/// A table as of the last look, in no order.
pub(super) fn table(by: By, looks: &Looks) -> Table {
    let rows = match by {
        By::Service => services::rows(looks),
        By::Connection => connections::rows(looks),
        By::Caller => callers::rows(looks),
        By::Denial => denials::rows(looks),
    };
    Table {
        columns: columns(by),
        rows,
    }
}

/// The order that a table has at first: what moves most, or is denied most often.
pub(super) fn first_sort(by: By) -> Sort {
    let columns = columns(by);
    let key = match by {
        By::Service | By::Connection | By::Caller => "sent_bytes_per_second",
        By::Denial => "count",
    };
    let column = columns.iter().position(|column| column.key == key);
    Sort::by(columns, column.unwrap_or_default())
}

/// What a service's name means that no registry has.
fn meaning(service: &str) -> Option<&'static str> {
    match service {
        "PassthroughCluster" => Some("let through without a service"),
        "BlackHoleCluster" => Some("denied"),
        "unknown" => Some("ended before it was known where they went"),
        _ => None,
    }
}

/// A row's particulars: those of them that are known.
fn known<const N: usize>(all: [(&'static str, Cell); N]) -> Vec<(&'static str, Cell)> {
    let all = all.into_iter();
    all.filter(|(_, cell)| *cell != Cell::Unknown).collect()
}
