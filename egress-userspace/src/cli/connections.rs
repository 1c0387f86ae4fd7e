//! `egress connections`: who talks to what, now; and ending one of them.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;

use crate::answers::{Connection, Connections as Told};

use super::ask::{Asker, Socket};
use super::json::print_json;
use super::table::table;
use crate::types::plain;

/// Of which gateway, and what of them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Connections {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End connections, each by the number that the list and the access log have for it.
    Close {
        /// The numbers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u64>,
        #[command(flatten)]
        socket: Socket,
    },
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    socket: Socket,
    /// What comes first: the oldest, or those that moved most bytes.
    #[arg(long, value_enum, default_value_t = Sort::Age)]
    sort: Sort,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Age,
    Bytes,
}

/// Prints, or ends, connections. Exits with 0; with 1 if one was not there to be ended, or the answer is of no
/// use; with 2 if nobody knows which gateway is meant; with 3 if no gateway can be asked.
pub fn connections(asked: Connections) -> ExitCode {
    match asked.action {
        Some(Action::Close { ids, socket }) => close(&ids, socket),
        None => list(asked.list),
    }
}

fn list(asked: List) -> ExitCode {
    let List {
        socket,
        sort,
        limit,
        json,
    } = asked;
    let sort = match sort {
        Sort::Age => "age",
        Sort::Bytes => "bytes",
    };
    let path = format!("/v1/connections?sort={sort}&limit={limit}");
    match socket.asker().and_then(|asker: Asker| asker.get_now(&path)) {
        // Nobody is left to tell if standard output is closed.
        Ok(told) => print(&told, json).unwrap_or(ExitCode::FAILURE),
        Err(error) => error.exit(),
    }
}

fn close(ids: &[u64], socket: Socket) -> ExitCode {
    let asker = match socket.for_orders() {
        Ok(asker) => asker,
        Err(error) => return error.exit(),
    };
    let mut exit = ExitCode::SUCCESS;
    for id in ids {
        let path = format!("/v1/connections/{id}");
        match asker.order::<serde_json::Value>(Method::DELETE, &path, "") {
            Ok(_) => println!("{id}: told to end"),
            Err(error) => {
                eprint!("{id}: ");
                exit = error.exit();
            }
        }
    }
    exit
}

fn print(told: &Told, json: bool) -> io::Result<ExitCode> {
    if json {
        return print_json(told);
    }
    write!(io::stdout().lock(), "{}", text(told))?;
    Ok(ExitCode::SUCCESS)
}

fn text(told: &Told) -> String {
    let rows: Vec<_> = told.connections.iter().map(cells).collect();
    let heading = [
        "ID", "AGE", "SERVICE", "TO", "UPSTREAM", "SENT", "RECEIVED", "FROM",
    ];
    let mut text = table(heading, &rows);
    // Writing to a string can't fail.
    let _ = writeln!(text, "{} of {}", rows.len(), told.total);
    text
}

fn cells(row: &Connection) -> [String; 8] {
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".into(), plain);
    let port = row.dst.rsplit_once(':').map_or("", |(_, port)| port);
    let service = or_dash(row.service.as_deref());
    let caller = &row.caller;
    let from = if let Some(listener) = &caller.listener {
        let who = caller.pod.as_ref().unwrap_or(&row.client);
        format!("{} at {}", plain(who), plain(listener))
    } else {
        let program = caller.exe.as_deref();
        let program = program.map_or_else(|| format!("process {}", caller.pid), plain);
        let place = caller.pod.as_ref().unwrap_or(&caller.cgroup);
        format!("{program} in {}", plain(place))
    };
    [
        row.id.to_string(),
        format!("{:?}", Duration::from_secs(row.age_ms / 1_000)),
        match &row.reason {
            Some(reason) => format!("{service} (audit: {})", plain(reason)),
            None => service,
        },
        match &row.name {
            Some(name) => format!("{}:{}", plain(name), plain(port)),
            None => plain(&row.dst),
        },
        or_dash(row.upstream.as_deref()),
        row.bytes_sent.to_string(),
        row.bytes_received.to_string(),
        from,
    ]
}
