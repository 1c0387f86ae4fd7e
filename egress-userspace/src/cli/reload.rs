//! `egress reload`: has the running gateway read its configuration again, and says what came of it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use hyper::Method;

use crate::answers::Reloaded;

use super::EXIT_INVALID;
use super::ask::Socket;
use super::json::print_json;

/// Which gateway, and how it is told.
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    socket: Socket,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Has the configuration read again. Exits with 0 if it took effect, 2 if it was refused, and the one before
/// it stays in force, or if nobody knows which gateway is meant; 3 if no gateway can be asked, 1 if its answer is of no use.
pub fn reload(asked: Reload) -> ExitCode {
    let Reload { socket, json } = asked;
    let order = |asker: super::ask::Asker| asker.order(Method::POST, "/v1/reload", "");
    match socket.for_orders().and_then(order) {
        // Nobody is left to tell if standard output is closed.
        Ok(reloaded) => print(&reloaded, json).unwrap_or(ExitCode::FAILURE),
        Err(error) if error.is_refusal() => {
            eprintln!("{error}\nthe configuration before it stays in force");
            ExitCode::from(EXIT_INVALID)
        }
        Err(error) => error.exit(),
    }
}

fn print(reloaded: &Reloaded, json: bool) -> io::Result<ExitCode> {
    if json {
        return print_json(reloaded);
    }
    let Reloaded {
        policy_generation,
        services,
    } = reloaded;
    writeln!(
        io::stdout().lock(),
        "policy {policy_generation} is in force, with {services} services"
    )?;
    Ok(ExitCode::SUCCESS)
}
