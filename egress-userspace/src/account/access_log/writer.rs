//! The thread that writes lines.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::queue::{Batch, Next, Queue};
use super::sink::{Lost, Sink};

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
#[error("not written to the end within {FLUSH_DEADLINE:?}")]
pub struct Unflushed;

impl LogWriter {
    /// Starts the thread that writes `what`.
    pub(super) fn start(
        what: &'static str,
        queue: Arc<Queue>,
        sink: impl Sink,
        dropped: Counter,
    ) -> io::Result<Self> {
        let (finished, done) = oneshot::channel();
        let writer = Writer {
            what,
            sink,
            dropped,
            failing: false,
        };
        let lines = Arc::clone(&queue);
        thread::Builder::new().name(what.into()).spawn(move || {
            writer.run(&lines);
            // Whoever waited may have given up.
            let _ = finished.send(());
        })?;
        Ok(Self { queue, done })
    }

    /// Writes every line that is queued, and ends. Lines that come later are dropped and counted.
    pub async fn finish(self) -> Result<(), Unflushed> {
        timeout(FLUSH_DEADLINE, self.end())
            .await
            .map_err(|_elapsed| Unflushed)
    }

    /// The same, for as long as it takes.
    pub(in crate::account) async fn end(mut self) {
        self.queue.end();
        // An error of the channel means that the thread has ended, and so written all it could.
        let _ = (&mut self.done).await;
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.queue.end();
    }
}

struct Writer<S> {
    /// For its own messages.
    what: &'static str,
    sink: S,
    dropped: Counter,
    /// The last write failed; the next failure is not worth telling of.
    failing: bool,
}

impl<S: Sink> Writer<S> {
    fn run(mut self, queue: &Queue) {
        let mut batch = Batch::default();
        loop {
            let next = queue.next(&mut batch);
            if batch.lines > 0 {
                self.write(&batch);
                batch.clear();
            }
            match next {
                Next::Go => {}
                Next::Reopen => self.reopen(),
                Next::End => return,
            }
        }
    }

    fn write(&mut self, batch: &Batch) {
        let what = self.what;
        match self.sink.write(batch) {
            Ok(()) => {
                if self.failing {
                    tracing::info!("writing {what} succeeds again");
                }
                self.failing = false;
            }
            Err(Lost { lines, error }) => {
                self.dropped
                    .inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
                if !self.failing {
                    tracing::warn!(%error, "cannot write {what}, and drops what comes");
                }
                self.failing = true;
            }
        }
    }

    fn reopen(&mut self) {
        match self.sink.reopen() {
            Ok(()) => tracing::debug!("the access log is opened again"),
            Err(error) => tracing::warn!(
                %error,
                "cannot open the access log again; its lines go to where they went before"
            ),
        }
    }
}
