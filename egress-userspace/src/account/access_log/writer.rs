//! The thread that writes lines.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::queue::{Batch, Queue};

/// How long the end waits for lines to be written; a reader that is stuck must not keep the gateway
/// from ending.
pub(super) const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// The hold on the thread that writes. Dropped, it takes no more lines, and nobody waits for those that
/// it has.
#[derive(Debug)]
#[must_use = "lines that are still queued are lost unless the writer is finished"]
pub struct LogWriter {
    queue: Arc<Queue>,
    done: oneshot::Receiver<()>,
}

/// Not every line was written in time.
#[derive(Debug, thiserror::Error)]
#[error("the access log was not written to its end within {FLUSH_DEADLINE:?}")]
pub struct Unflushed;

impl LogWriter {
    pub(super) fn start(
        queue: Arc<Queue>,
        sink: impl Write + Send + 'static,
        dropped: Counter,
    ) -> io::Result<Self> {
        let (finished, done) = oneshot::channel();
        let writer = Writer {
            sink,
            dropped,
            failing: false,
        };
        let lines = Arc::clone(&queue);
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || {
                writer.run(&lines);
                // Whoever waited may have given up.
                let _ = finished.send(());
            })?;
        Ok(Self { queue, done })
    }

    /// Writes every line that is queued, and ends. Lines that come later are dropped and counted.
    pub async fn finish(mut self) -> Result<(), Unflushed> {
        self.queue.end();
        // An error of the channel means that the thread has ended, and so written all it could.
        timeout(FLUSH_DEADLINE, &mut self.done)
            .await
            .map(drop)
            .map_err(|_elapsed| Unflushed)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.queue.end();
    }
}

struct Writer<W> {
    sink: W,
    dropped: Counter,
    /// The last write failed; the next failure is not worth telling of.
    failing: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self, queue: &Queue) {
        let mut batch = Batch::default();
        while queue.take(&mut batch) {
            self.write(&batch);
            batch.clear();
        }
    }

    fn write(&mut self, batch: &Batch) {
        let written = self
            .sink
            .write_all(&batch.text)
            .and_then(|()| self.sink.flush());
        match written {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.dropped
                    .inc_by(u64::try_from(batch.lines).unwrap_or(u64::MAX));
                if !self.failing {
                    tracing::warn!(%error, "cannot write the access log; its lines are dropped");
                }
                self.failing = true;
            }
        }
    }
}
