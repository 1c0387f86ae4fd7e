//! `egress top`: what a running gateway carries, live: by service, connection, caller and denial.
//!
//! It asks the admin API and nothing else, and computes rates from two looks. [`View`] is the state and
//! knows neither the terminal nor the gateway; [`screen`] draws it, [`live`] joins the three.

mod by;
mod cell;
mod fit;
mod keys;
mod live;
mod look;
mod once;
mod screen;
mod show;
mod sort;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod views;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::EXIT_INVALID;
use super::ask::{AskError, Socket};
use crate::types::plain;
use by::By;
use view::View;

/// Between two looks. More often than this the looking costs the gateway more than it tells.
const SHORTEST: Duration = Duration::from_millis(100);
/// A longer one is not live.
const LONGEST: Duration = Duration::from_hours(1);

/// What to show, and how.
#[derive(Debug, Args)]
pub struct Top {
    /// Whom to ask.
    #[command(flatten)]
    socket: Socket,
    /// What the rows are; the keys 1 to 4 change it.
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// From one look to the next, as in 500ms, 1s, 1m30s.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Look twice, one interval apart, print one table, and end.
    #[arg(long)]
    once: bool,
    /// With --once: print one JSON object, with exact numbers.
    #[arg(long, requires = "once")]
    json: bool,
}

/// Shows the live view until it is quit, or prints it once. Exits with 0 if all went well, 1 if the terminal
/// can't be used, 2 if there is none, 3 if no gateway can be asked (only with `--once`: the live view goes on
/// trying).
pub fn top(options: Top) -> ExitCode {
    let Top {
        socket,
        by,
        interval,
        once,
        json,
    } = options;
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !once && !on_terminal {
        eprintln!("error: the live view needs a terminal; --once prints a table anywhere");
        return ExitCode::from(EXIT_INVALID);
    }
    let asker = match socket.asker() {
        Ok(asker) => asker,
        Err(error) => return error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            if once {
                once::print(&asker, by, interval, json).await
            } else {
                live::run(&asker, View::new(by, interval)).await
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(unanswered) = error.downcast_ref::<AskError>() {
                return unanswered.exit();
            }
            eprintln!("error: {}", plain(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval =
        crate::config::duration(text).ok_or("a duration has a unit, as in 500ms or 1s")?;
    if (SHORTEST..=LONGEST).contains(&interval) {
        Ok(interval)
    } else {
        Err("an interval is between 100ms and 1h".into())
    }
}
