//! `egress replay`: what another configuration would have said of what happened.

mod report;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::json::write_json;
use super::{DEFAULT_CONFIG, EXIT_INVALID, logs};
use crate::config::Config;
use crate::history::{Judge, Replay, Tally};

use report::Report;

/// Some connection would meet something else.
const EXIT_CHANGED: u8 = 1;

/// What to judge, and by what.
#[derive(Debug, clap::Args)]
pub struct ReplayLogs {
    /// Access logs; `-` is the standard input.
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// The configuration that judges. It does so as if it had `mode = "enforce"`.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Judges and prints. Exits with 0 if nothing changes, 1 if something does, 2 if the configuration, a log, or
/// the command line is wrong.
pub fn replay(asked: &ReplayLogs) -> ExitCode {
    let config = match Config::read(&asked.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{}", error.render(io::stderr().is_terminal()));
            return ExitCode::from(EXIT_INVALID);
        }
    };
    let mut replay = Replay::new(Judge::new(&config));
    match logs::read_all(&asked.logs, |seen| replay.add(seen)) {
        // Nobody is left to tell if standard output is closed.
        Ok(tally) => print(&replay, &tally, asked.json, &mut io::stdout().lock())
            .unwrap_or(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_INVALID)
        }
    }
}

fn print(replay: &Replay, tally: &Tally, json: bool, out: &mut impl Write) -> io::Result<ExitCode> {
    if json {
        write_json(out, &Report::new(replay, tally))?;
    } else {
        report::text(replay, tally, out)?;
    }
    Ok(if replay.changed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_CHANGED)
    })
}

#[cfg(test)]
mod tests;
