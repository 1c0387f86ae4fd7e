//! `egress denied`: what the running gateway denied most often, to whom, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use crate::answers::{Denial, Denials};

use super::ask::{Asker, Socket};
use super::json::print_json;
use super::table::table;
use crate::types::plain;

/// Of which gateway, and how much.
#[derive(Debug, Args)]
pub struct Denied {
    #[command(flatten)]
    socket: Socket,
    /// At most so many rows.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print what would allow each, as TOML for the configuration, and nothing else.
    #[arg(long, conflicts_with = "json")]
    allow: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints the rows. Exits with 0, with 3 if no gateway can be asked, with 1 if its answer is of no use.
pub fn denied(asked: Denied) -> ExitCode {
    let Denied {
        socket,
        limit,
        allow,
        json,
    } = asked;
    let path = format!("/v1/denied?limit={limit}");
    match socket.asker().and_then(|asker: Asker| asker.get_now(&path)) {
        // Nobody is left to tell if standard output is closed.
        Ok(told) => print(&told, json, allow).unwrap_or(ExitCode::FAILURE),
        Err(error) => error.exit(),
    }
}

fn print(told: &Denials, json: bool, allow: bool) -> io::Result<ExitCode> {
    if json {
        return print_json(told);
    }
    let text = if allow { toml(told) } else { text(told) };
    write!(io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn text(told: &Denials) -> String {
    if told.denied.is_empty() {
        return "nothing was denied since the gateway started\n".into();
    }
    let rows: Vec<_> = told.denied.iter().map(cells).collect();
    let heading = ["COUNT", "LAST", "TO", "PROTOCOL", "WHY", "FROM", "VERDICT"];
    let shown: u64 = told.denied.iter().map(|row| row.count).sum();
    let mut text = table(heading, &rows);
    // Writing to a string can't fail.
    let _ = writeln!(text, "{shown} of {} since the gateway started", told.total);
    text
}

/// What would allow each, once, with who wants it as a comment. Of what nothing that is added would allow
/// there is only the comment.
fn toml(told: &Denials) -> String {
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for row in &told.denied {
        let why = match &row.allow {
            Some(_) => String::new(),
            None => format!(
                ": {}, which no service that is added changes",
                plain(&row.meaning)
            ),
        };
        let [count, _, to, _, _, from, _] = cells(row);
        // Writing to a string can't fail.
        let _ = writeln!(text, "# {to}, {count} times, by {from}{why}");
        if let Some(toml) = row.allow.as_deref().filter(|toml| seen.insert(*toml)) {
            let _ = writeln!(text, "{toml}");
        }
    }
    text
}

fn cells(row: &Denial) -> [String; 7] {
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".into(), plain);
    let cgroup = or_dash(row.cgroup.as_deref());
    [
        row.count.to_string(),
        plain(&row.last),
        match (&row.name, row.port) {
            (Some(name), Some(port)) => format!("{}:{port}", plain(name)),
            (Some(name), None) => plain(name),
            (None, _) => or_dash(row.destination().as_deref()),
        },
        or_dash(row.protocol.as_deref()),
        plain(&row.reason),
        match &row.exe {
            Some(exe) => format!("{} in {cgroup}", plain(exe)),
            None => cgroup,
        },
        plain(&row.verdict),
    ]
}
