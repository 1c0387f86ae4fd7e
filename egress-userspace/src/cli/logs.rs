//! Access logs that the command line names.

mod tail;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::history::{Complaint, Seen, Tally, read};

use tail::Tail;

/// Standard input, among logs.
const STDIN: &str = "-";

/// A log that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{log}: {source}")]
pub(super) struct Unreadable {
    log: String,
    source: io::Error,
}

/// Reads all logs, one after the other.
pub(super) fn read_all(logs: &[PathBuf], mut each: impl FnMut(&Seen)) -> Result<Tally, Unreadable> {
    let mut tally = Tally::default();
    for log in logs {
        let read =
            open(log).and_then(|from| read(&log.to_string_lossy(), from, &mut tally, &mut each));
        read.map_err(|source| unreadable(log, source))?;
    }
    Ok(tally)
}

/// Reads a file as it grows, for so long or until it is interrupted.
pub(super) fn follow(
    log: &Path,
    time: Duration,
    mut each: impl FnMut(&Seen),
) -> Result<Tally, Unreadable> {
    let mut tally = Tally::default();
    let tail = Tail::open(log, time).map(BufReader::new);
    let read = tail.and_then(|from| read(&log.to_string_lossy(), from, &mut tally, &mut each));
    read.map_err(|source| unreadable(log, source))?;
    Ok(tally)
}

fn open(log: &Path) -> io::Result<Box<dyn BufRead>> {
    if log.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(log)?)))
}

fn unreadable(log: &Path, source: io::Error) -> Unreadable {
    Unreadable {
        log: log.display().to_string(),
        source,
    }
}

/// Says which lines were not lines of an access log.
pub(super) fn complain(tally: &Tally, out: &mut impl Write) -> io::Result<()> {
    if tally.malformed == 0 {
        return Ok(());
    }
    let Tally {
        lines, malformed, ..
    } = tally;
    writeln!(
        out,
        "{malformed} of {lines} lines are not lines of an access log:"
    )?;
    for Complaint { log, line, why } in &tally.first {
        writeln!(out, "  {log}:{line}: {why}")?;
    }
    if malformed.saturating_sub(tally.first.len() as u64) > 0 {
        writeln!(out, "  ...")?;
    }
    Ok(())
}
