//! `egress support-bundle`: what somebody who is asked for help needs to see, in one archive.

mod archive;
mod collect;
mod quotes;
mod redact;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::Pins;
use crate::account::Timestamp;

use archive::Archive;

/// Only its owner may read it: it says who talks to whom.
const MODE: u32 = 0o600;

/// What to collect, and where it goes.
#[derive(Debug, Args)]
pub struct SupportBundle {
    #[command(flatten)]
    pins: Pins,
    /// The gateway's admin socket, whatever the configuration says.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The archive to write, which must not be there yet; `-` is the standard output. Without it a file in
    /// this directory that is named by the time.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out who talks to what: connections, and what was denied to whom.
    #[arg(long)]
    no_traffic: bool,
}

/// Writes the archive. Exits with 0 if it is written, also if something could not be had, which it says; with 1 if
/// it could not be written.
pub fn support_bundle(asked: SupportBundle) -> ExitCode {
    let SupportBundle {
        pins,
        socket,
        output,
        no_traffic,
    } = asked;
    let now = SystemTime::now();
    let archive = collect::all(&pins, socket, !no_traffic, now);
    for missing in archive.missing() {
        eprintln!("left out: {missing}");
    }
    let output = output.unwrap_or_else(|| {
        let time = Timestamp::from(now).to_string().replace([':', '.'], "-");
        format!("egress-support-{time}.tar").into()
    });
    match write(archive, &output, now) {
        Ok(()) => {
            if output != Path::new("-") {
                println!("{}", output.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", output.display());
            ExitCode::FAILURE
        }
    }
}

fn write(archive: Archive, output: &Path, now: SystemTime) -> io::Result<()> {
    let bytes = archive.finish(now)?;
    if output == Path::new("-") {
        return io::stdout().lock().write_all(&bytes);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(output)?;
    file.write_all(&bytes)
}
