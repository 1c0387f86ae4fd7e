//! `egress status`: what is attached, by whom, and how full the maps are. It asks the kernel, not the
//! gateway, which need not run.

mod view;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::kernel::inspect;

use super::{Pins, failed};
use view::Status;

/// Prints the status. Exits with 0 if programs are attached and a gateway runs, 1 if the status can't
/// be told or a program is lacking, 3 if no gateway runs, 4 if nothing is attached.
pub fn status(pins: Pins, json: bool) -> ExitCode {
    let directory = pins.directory();
    match inspect(&directory) {
        Ok(pinned) => {
            let status = Status::new(&directory, &pinned);
            print(&status, json).unwrap_or(ExitCode::FAILURE)
        }
        Err(error) => failed(&error),
    }
}

fn print(status: &Status<'_>, json: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, status)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", status.text())?;
    }
    Ok(ExitCode::from(status.state.exit()))
}
