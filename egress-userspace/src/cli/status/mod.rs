//! `egress status`: what is attached, by whom, and how full the maps are. It asks the kernel; the gateway need
//! not run, and if it does, says how it stands.

mod running;
mod view;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::answers;
use crate::kernel::inspect;
use crate::types::plain;

use super::ask::Socket;
use super::json::write_json;
use super::{Pins, failed};
pub(super) use view::Status;

/// What a gateway that takes connections says of itself.
const READY: &str = "ready";

/// Of which gateway.
#[derive(Debug, Args)]
pub struct Asked {
    #[command(flatten)]
    pins: Pins,
    /// The gateway's admin socket, whatever the configuration says.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Only ask the gateway at the admin socket whether it takes connections: for probes, best with --socket, so that no
    /// configuration is read.
    #[arg(long, conflicts_with = "json")]
    ready: bool,
}

/// Prints the status. Exits with 0 if programs are attached and a gateway runs, 1 if the status can't
/// be told or a program is lacking, 3 if no gateway runs, 4 if nothing is attached.
pub fn status(asked: Asked) -> ExitCode {
    let Asked {
        pins,
        socket,
        json,
        ready,
    } = asked;
    let gateway = Socket::new(pins.config().into(), socket);
    if ready {
        return is_ready(gateway);
    }
    let gateway = gateway.asker_unsaid();
    let directory = pins.directory();
    match inspect(&directory) {
        Ok(pinned) => {
            let running = gateway
                .ok()
                .and_then(|asker| asker.get_now("/v1/status").ok());
            let status = Status::new(&directory, &pinned).with(running);
            print(&status, json).unwrap_or(ExitCode::FAILURE)
        }
        Err(error) => failed(&error),
    }
}

/// Prints what the gateway says of its readiness; exits with 0 if it is ready, 3 if not, or if none can be asked.
fn is_ready(gateway: Socket) -> ExitCode {
    let status = gateway
        .asker()
        .and_then(|asker| asker.get_now::<answers::Status>("/v1/status"));
    match status {
        Ok(status) => {
            // Who closes the pipe wants to hear no more.
            let _ = writeln!(io::stdout(), "{}", plain(&status.readiness));
            match status.readiness.as_str() {
                READY => ExitCode::SUCCESS,
                _ => ExitCode::from(view::State::Unserved.exit()),
            }
        }
        Err(error) => error.exit(),
    }
}

fn print(status: &Status<'_>, json: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if json {
        write_json(&mut out, status)?;
    } else {
        write!(out, "{}", status.text())?;
    }
    Ok(ExitCode::from(status.state.exit()))
}
