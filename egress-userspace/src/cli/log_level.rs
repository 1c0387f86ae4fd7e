//! `egress log-level`: what the running gateway's diagnostics tell, and having them tell something else.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use hyper::Method;

use crate::answers::LogLevel as Told;
use crate::types::plain;

use super::EXIT_INVALID;
use super::ask::Socket;
use super::json::print_json;

/// Of which gateway, and what it is to be.
#[derive(Debug, Args)]
pub struct LogLevel {
    /// What is to be told from now on, as in `EGRESS_LOG`; without it nothing changes.
    #[arg(value_name = "LEVEL")]
    level: Option<String>,
    #[command(flatten)]
    socket: Socket,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints what is told, and before that changes it if something else was said. Exits with 0; 2 if that is not
/// understood, and nothing has changed; 3 if no gateway can be asked, 1 if its answer is of no use.
pub fn log_level(asked: LogLevel) -> ExitCode {
    let LogLevel {
        level,
        socket,
        json,
    } = asked;
    let told = match level {
        Some(level) => socket
            .for_orders()
            .and_then(|asker| asker.order(Method::PUT, "/v1/log-level", level)),
        None => socket
            .asker()
            .and_then(|asker| asker.get_now("/v1/log-level")),
    };
    match told {
        // Nobody is left to tell if standard output is closed.
        Ok(told) => print(&told, json).unwrap_or(ExitCode::FAILURE),
        Err(error) if error.is_refusal() => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_INVALID)
        }
        Err(error) => error.exit(),
    }
}

fn print(told: &Told, json: bool) -> io::Result<ExitCode> {
    if json {
        return print_json(told);
    }
    writeln!(io::stdout().lock(), "{}", plain(&told.log_level))?;
    Ok(ExitCode::SUCCESS)
}
