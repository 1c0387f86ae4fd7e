//! The access log: one JSON line a connection.
//!
//! Connections never wait for the log. Lines go through a bounded queue to a thread of their own; a
//! line that finds the queue full is dropped and counted.

mod fields;
mod line;
mod queue;
mod sink;
mod time;
mod writer;

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

pub(crate) use line::DNS;
pub(super) use line::Line;
use queue::Queue;
pub(super) use sink::Stream;
use sink::{Datagrams, Sink};
pub use time::{NotATime, Timestamp};
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
    /// The daemon that reads syslog(3)'s messages at this socket.
    Syslog(PathBuf),
    /// The systemd-journald that listens at this socket.
    Journald(PathBuf),
}

/// The way into the access log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessLog {
    queue: Arc<Queue>,
    dropped: Counter,
}

thread_local! {
    /// Where a line is put together, so that none needs memory of its own.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
            LogDestination::Stdout => Self::start(Stream::new(stdout()?), queue, dropped),
            LogDestination::File(path) => {
                let path = path.clone();
                let file = Stream::opened(move || append_to(&path))?;
                Self::start(file, queue, dropped)
            }
            LogDestination::Syslog(socket) => {
                Self::start(Datagrams::syslog(socket)?, queue, dropped)
            }
            LogDestination::Journald(socket) => {
                Self::start(Datagrams::journald(socket)?, queue, dropped)
            }
        }
    }

    pub(super) fn start(
        sink: impl Sink,
        queue: usize,
        dropped: Counter,
    ) -> io::Result<(Self, LogWriter)> {
        let queue = Arc::new(Queue::new(queue.max(1)));
        let writer = LogWriter::start(Arc::clone(&queue), sink, dropped.clone())?;
        Ok((Self { queue, dropped }, writer))
    }

    /// Has a file opened again by its name, for who has moved it away: no line is lost, and none is in both.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Lines that wait for the writer, and how many may.
    pub fn queue(&self) -> (usize, usize) {
        self.queue.usage()
    }

    /// Queues a line.
    pub(super) fn write(&self, line: &Line<'_>) {
        let queued = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            line.encode(scratch);
            self.queue.push(scratch)
        });
        if !queued {
            self.dropped.inc();
        }
    }
}

/// Without a buffer in between, so that what is not written is known.
fn stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(stdout.into())
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
