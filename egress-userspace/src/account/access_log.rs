//! The access log: one JSON line a connection.
//!
//! Connections never wait for the log. Lines go through a bounded queue to a thread of their own; a
//! line that finds the queue full is dropped and counted.

mod line;
mod time;
mod writer;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

pub(super) use line::{DNS, Line};
pub(crate) use time::Timestamp;
use writer::Item;
pub use writer::{LogWriter, Unflushed};

use super::Metrics;

/// The gateway's group may read the log, others may not: it tells who talks to whom.
const FILE_MODE: u32 = 0o640;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// The standard output.
    Stdout,
    /// The end of a file, made if it is not there.
    File(PathBuf),
}

/// The way into the access log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessLog {
    queue: mpsc::Sender<Item>,
    dropped: Counter,
}

impl AccessLog {
    /// Opens the destination and starts the writer. At most `queue` lines wait for it, at least one;
    /// those that get lost are counted in `metrics`.
    pub fn open(
        destination: &LogDestination,
        queue: usize,
        metrics: &Metrics,
    ) -> io::Result<(Self, LogWriter)> {
        let dropped = metrics.access_log_dropped();
        match destination {
            LogDestination::Stdout => Self::start(io::stdout(), queue, dropped),
            LogDestination::File(path) => Self::start(append_to(path)?, queue, dropped),
        }
    }

    pub(super) fn start(
        sink: impl Write + Send + 'static,
        queue: usize,
        dropped: Counter,
    ) -> io::Result<(Self, LogWriter)> {
        let (queue, items) = mpsc::channel(queue.max(1));
        let writer = LogWriter::start(queue.clone(), items, sink, dropped.clone())?;
        Ok((Self { queue, dropped }, writer))
    }

    /// Queues a line.
    pub(super) fn write(&self, line: &Line<'_>) {
        let queued = line
            .encode()
            .is_some_and(|line| self.queue.try_send(Item::Line(line)).is_ok());
        if !queued {
            self.dropped.inc();
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)
}

#[cfg(test)]
mod tests;
