//! The thread that writes lines.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Bytes gathered for one write: a pipe's usual size, more would not go into it at once.
const BATCH: usize = 64 * 1024;

/// How long the end waits for lines to be written; a reader that is stuck must not keep the gateway
/// from ending.
pub(super) const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// What the queue carries.
#[derive(Debug)]
pub(super) enum Item {
    /// A line with its newline.
    Line(Vec<u8>),
    /// Nothing more is wanted: write what is queued, and end.
    End,
}

/// The hold on the thread that writes.
#[derive(Debug)]
#[must_use = "lines that are still queued are lost unless the writer is finished"]
pub struct LogWriter {
    queue: mpsc::Sender<Item>,
    done: oneshot::Receiver<()>,
}

/// Not every line was written in time.
#[derive(Debug, thiserror::Error)]
#[error("the access log was not written to its end within {FLUSH_DEADLINE:?}")]
pub struct Unflushed;

impl LogWriter {
    pub(super) fn start(
        queue: mpsc::Sender<Item>,
        items: mpsc::Receiver<Item>,
        sink: impl Write + Send + 'static,
        dropped: Counter,
    ) -> io::Result<Self> {
        let (finished, done) = oneshot::channel();
        let writer = Writer {
            sink,
            dropped,
            batch: Vec::new(),
            lines: 0,
            failing: false,
        };
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || {
                writer.run(items);
                // Whoever waited may have given up.
                let _ = finished.send(());
            })?;
        Ok(Self { queue, done })
    }

    /// Writes every line that is queued, and ends. Lines that come later are dropped and counted.
    pub async fn finish(self) -> Result<(), Unflushed> {
        let Self { queue, done } = self;
        let flush = async {
            // An error means that the thread has ended, and so written all it could.
            let _ = queue.send(Item::End).await;
            let _ = done.await;
        };
        timeout(FLUSH_DEADLINE, flush)
            .await
            .map_err(|_elapsed| Unflushed)
    }
}

struct Writer<W> {
    sink: W,
    dropped: Counter,
    batch: Vec<u8>,
    /// In the batch.
    lines: u64,
    /// The last write failed; the next failure is not worth telling of.
    failing: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self, mut items: mpsc::Receiver<Item>) {
        while let Some(item) = items.blocking_recv() {
            self.take(item, &mut items);
            while self.batch.len() < BATCH
                && let Ok(item) = items.try_recv()
            {
                self.take(item, &mut items);
            }
            self.write();
        }
    }

    fn take(&mut self, item: Item, items: &mut mpsc::Receiver<Item>) {
        match item {
            Item::Line(line) => {
                self.batch.extend_from_slice(&line);
                self.lines += 1;
            }
            // What is queued already can still be received.
            Item::End => items.close(),
        }
    }

    fn write(&mut self) {
        let written = self
            .sink
            .write_all(&self.batch)
            .and_then(|()| self.sink.flush());
        match written {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.dropped.inc_by(self.lines);
                if !self.failing {
                    tracing::warn!(%error, "cannot write the access log; its lines are dropped");
                }
                self.failing = true;
            }
        }
        self.batch.clear();
        self.lines = 0;
    }
}
