//! Prints a view once: for a pipe, a ticket, a program.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::sleep_until;

use super::by::By;
use super::cell::Cell;
use super::look::{Look, Looks};
use super::show::rounded;
use super::table::{Row, Table};
use super::views;
use crate::cli::ask::Asker;
use crate::cli::json::write_json;
use crate::cli::table::table;

/// Looks twice and prints.
pub(super) async fn print(
    asker: &Asker,
    by: By,
    interval: Duration,
    as_json: bool,
) -> anyhow::Result<()> {
    let first = Look::take(asker).await?;
    sleep_until((first.at + interval).into()).await;
    let looks = Looks::after(Some(Looks::after(None, first)), Look::take(asker).await?);
    let mut table = views::table(by, &looks);
    views::first_sort(by).sort(&mut table.rows);
    let mut out = io::stdout().lock();
    if as_json {
        return Ok(write_json(&mut out, &object(by, &looks, &table))?);
    }
    Ok(out.write_all(plain(&table).as_bytes())?)
}

/// A heading and the rows. No value has a space in it that is not a name's own.
pub(super) fn plain(shown: &Table) -> String {
    let heading: Vec<_> = shown.columns.iter().map(|column| column.title).collect();
    let cells = |row: &Row| row.cells.iter().map(Cell::show).collect();
    let rows: Vec<Vec<String>> = shown.rows.iter().map(cells).collect();
    table(heading, &rows)
}

/// The rows with all that is known of each, and how the gateway stands.
pub(super) fn object(by: By, looks: &Looks, table: &Table) -> Value {
    let rows: Vec<_> = table
        .rows
        .iter()
        .map(|row| {
            let cells = table.columns.iter().zip(&row.cells);
            let cells = cells.map(|(column, cell)| (column.key, cell.json()));
            let more = row.more.iter().map(|(key, cell)| (*key, cell.json()));
            let known = cells.chain(more).filter(|(_, value)| *value != Value::Null);
            known
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Map<_, _>>()
        })
        .collect();
    let elapsed = looks.before().map(|earlier| earlier.elapsed.as_secs_f64());
    let status = &looks.now.status;
    json!({
        "by": by.name(),
        "interval_s": elapsed.map(rounded),
        "gateway": {
            "version": status.version,
            "pid": status.pid,
            "readiness": status.readiness,
            "mode": status.mode,
            "policy_generation": status.policy_generation,
            "connections": status.connections.now,
            "connections_limit": status.connections.limit,
            "accepted": status.connections.accepted,
            "denied": looks.now.denials.total,
        },
        "rows": rows,
    })
}
