//! `egress denied`: what the running gateway denied most often, to whom, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::ask::{Asker, Socket};
use super::plain::plain;
use super::print_json;
use super::table::table;

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

/// What the gateway tells.
#[derive(Debug, Deserialize, Serialize)]
struct Table {
    total: u64,
    evicted: u64,
    denied: Vec<Row>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    verdict: String,
    reason: String,
    meaning: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<String>,
    count: u64,
    first: String,
    last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<String>,
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

fn print(told: &Table, json: bool, allow: bool) -> io::Result<ExitCode> {
    if json {
        return print_json(told);
    }
    let text = if allow { told.toml() } else { told.text() };
    write!(io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

impl Table {
    fn text(&self) -> String {
        if self.denied.is_empty() {
            return "nothing was denied since the gateway started\n".into();
        }
        let rows: Vec<_> = self.denied.iter().map(Row::cells).collect();
        let heading = ["COUNT", "LAST", "TO", "PROTOCOL", "WHY", "FROM", "VERDICT"];
        let shown: u64 = self.denied.iter().map(|row| row.count).sum();
        let mut text = table(heading, &rows);
        // Writing to a string can't fail.
        let _ = writeln!(text, "{shown} of {} since the gateway started", self.total);
        text
    }
}

impl Table {
    /// What would allow each, once, with who wants it as a comment. Of what nothing that is added would allow
    /// there is only the comment.
    fn toml(&self) -> String {
        let mut text = String::new();
        let mut seen = BTreeSet::new();
        for row in &self.denied {
            let why = match &row.allow {
                Some(_) => String::new(),
                None => format!(
                    ": {}, which no service that is added changes",
                    plain(&row.meaning)
                ),
            };
            let [count, _, to, _, _, from, _] = row.cells();
            // Writing to a string can't fail.
            let _ = writeln!(text, "# {to}, {count} times, by {from}{why}");
            if let Some(toml) = row.allow.as_deref().filter(|toml| seen.insert(*toml)) {
                let _ = writeln!(text, "{toml}");
            }
        }
        text
    }
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let or_dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".into(), plain);
        let cgroup = or_dash(&self.cgroup);
        [
            self.count.to_string(),
            plain(&self.last),
            self.to(),
            or_dash(&self.protocol),
            plain(&self.reason),
            match &self.exe {
                Some(exe) => format!("{} in {cgroup}", plain(exe)),
                None => cgroup,
            },
            plain(&self.verdict),
        ]
    }

    /// The name, or the address where there is none, with the port.
    fn to(&self) -> String {
        match (&self.name, self.address, self.port) {
            (Some(name), _, Some(port)) => format!("{}:{port}", plain(name)),
            (Some(name), _, None) => plain(name),
            (None, Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
            (None, _, _) => "-".into(),
        }
    }
}
