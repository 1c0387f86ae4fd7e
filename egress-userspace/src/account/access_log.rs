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
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

pub(crate) use line::DNS;
pub(super) use line::Line;
#[cfg(feature = "otel")]
pub(super) use queue::Batch;
use queue::Queue;
use sink::Datagrams;
#[cfg(feature = "otel")]
pub(super) use sink::Lost;
pub(super) use sink::{Sink, Stream};
pub use time::{NotATime, Timestamp};
pub use writer::{LogWriter, Unflushed};

use super::Metrics;

/// The gateway's group may read the log, others may not: it tells who talks to whom.
const FILE_MODE: u32 = 0o640;

/// How long the first line waits for others: whoever follows the log sees no delay, and a gateway under
/// load wakes the writer fifty times a second.
const GATHER: Duration = Duration::from_millis(20);

/// The same of spans, each message of which is an HTTP request: nobody follows them by the second.
#[cfg(feature = "otel")]
const GATHER_SPANS: Duration = Duration::from_secs(1);

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
    lines: Way,
    /// Each line with its times, as an exporter of spans reads it.
    #[cfg(feature = "otel")]
    spans: Option<Way>,
}

/// The way to a writer.
#[derive(Clone, Debug)]
struct Way {
    queue: Arc<Queue>,
    dropped: Counter,
}

impl Way {
    fn push(&self, line: &[u8]) {
        if !self.queue.push(line) {
            self.dropped.inc();
        }
    }

    /// Starts the writer of `what`.
    fn start(
        what: &'static str,
        sink: impl Sink,
        queue: Queue,
        dropped: Counter,
    ) -> io::Result<(Self, LogWriter)> {
        let queue = Arc::new(queue);
        let writer = LogWriter::start(what, Arc::clone(&queue), sink, dropped.clone())?;
        Ok((Self { queue, dropped }, writer))
    }
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
        let queue = Queue::new(queue.max(1), GATHER);
        let (lines, writer) = Way::start("the access log", sink, queue, dropped)?;
        let log = Self {
            lines,
            #[cfg(feature = "otel")]
            spans: None,
        };
        Ok((log, writer))
    }

    /// The same log, whose lines go to an exporter of spans as well.
    #[cfg(feature = "otel")]
    pub(super) fn with_spans(
        self,
        exporter: impl Sink,
        queue: usize,
        dropped: Counter,
    ) -> io::Result<(Self, LogWriter)> {
        let queue = Queue::new(queue.max(1), GATHER_SPANS);
        let (spans, writer) = Way::start("spans", exporter, queue, dropped)?;
        let log = Self {
            spans: Some(spans),
            ..self
        };
        Ok((log, writer))
    }

    /// Has a file opened again by its name, for who has moved it away: no line is lost, and none is in both.
    pub fn reopen(&self) {
        self.lines.queue.reopen();
    }

    /// Lines that wait for the writer, and how many may.
    pub fn queue(&self) -> (usize, usize) {
        self.lines.queue.usage()
    }

    /// Queues a line.
    pub(super) fn write(&self, line: &Line<'_>) {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            line.encode(scratch);
            self.lines.push(scratch);
            #[cfg(feature = "otel")]
            if let Some(spans) = &self.spans {
                line.add_times(scratch);
                spans.push(scratch);
            }
        });
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
