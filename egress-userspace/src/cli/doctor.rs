//! `egress doctor`: what this kernel and this node can do.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::{Config, ReadError};
use crate::doctor::{Report, examine};

use super::json::write_json;
use super::{DEFAULT_CONFIG, EXIT_INVALID};

/// Examines the node for a configuration: the one in `file`, or the default one if it can be read.
/// Exits with 0 if all is there that the gateway needs, 1 if not, 2 if `file` is wrong.
pub fn doctor(file: Option<&Path>, json: bool) -> ExitCode {
    let config = match file {
        None => Config::read(Path::new(DEFAULT_CONFIG)).ok(),
        Some(file) => match Config::read(file) {
            Ok(config) => Some(config),
            Err(error) => return refuse(&error),
        },
    };
    let report = examine(config.as_ref());
    // Nobody is left to tell if standard output is closed.
    print(&report, json).unwrap_or(ExitCode::FAILURE)
}

fn refuse(error: &ReadError) -> ExitCode {
    eprintln!("{}", error.render(io::stderr().is_terminal()));
    ExitCode::from(EXIT_INVALID)
}

fn print(report: &Report, json: bool) -> io::Result<ExitCode> {
    let colour = io::stdout().is_terminal();
    let mut out = io::stdout().lock();
    if json {
        write_json(&mut out, report)?;
    } else {
        write!(out, "{}", report.table(colour))?;
    }
    Ok(if report.fit {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
