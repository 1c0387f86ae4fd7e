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
use crate::types::{plain, quoted};

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
    let mut names = BTreeSet::new();
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
            let _ = writeln!(text, "{}", alone(toml, &mut names));
        }
    }
    text
}

/// A service by a name that none of the others has. Each row was answered for itself: two of one host and port, for
/// two callers, have the same.
fn alone(toml: &str, names: &mut BTreeSet<String>) -> String {
    let of = |line: &str| {
        Some(
            line.parse::<toml::Table>()
                .ok()?
                .get("name")?
                .as_str()?
                .to_owned(),
        )
    };
    let mut lines = Vec::new();
    for line in toml.lines() {
        lines.push(match of(line) {
            Some(name) if !names.insert(name.clone()) => {
                let mut others = (2_u64..).map(|n| format!("{name}-{n}"));
                let other = others.find(|other| names.insert(other.clone()));
                format!("name = {}", quoted(&other.unwrap_or(name)))
            }
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::policy::Admitting;
    use crate::types::{Protocol, Selector};

    const MINIMAL: &str = include_str!("../../../config/minimal.toml");

    #[test]
    fn what_would_allow_each_is_a_configuration_together() {
        let host = "other.example.com".parse().expect("a name");
        let callers = ["/a", "/b", "/b", "/c"].map(|cgroup| Selector {
            cgroup: cgroup.parse().ok(),
            ..Selector::default()
        });
        let rows = callers.each_ref().map(|from| {
            let admitting = Admitting {
                host: Some(&host),
                ip: None,
                port: 443,
                protocol: Protocol::Tls,
                from: Some(from),
            };
            Denial {
                allow: admitting.toml(|_| false),
                ..Denial::default()
            }
        });
        let told = Denials {
            denied: rows.into(),
            ..Denials::default()
        };
        let text = format!("{MINIMAL}\n{}", toml(&told));
        let config = Config::from_toml("egress.toml", &text);
        let config = config.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let names = config.services.iter().map(|service| service.name.as_str());
        let names: Vec<_> = names.filter(|name| name.starts_with("other")).collect();
        assert_eq!(
            names,
            [
                "other.example.com-443",
                "other.example.com-443-2",
                "other.example.com-443-3"
            ]
        );
    }
}
