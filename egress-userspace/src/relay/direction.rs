//! One direction of a relay: reads from one socket and writes to the other, until the end.

use std::io::{self, ErrorKind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::sleep;
use tokio::{select, task};

use super::Options;
use super::activity::Activity;
use super::end::{Cut, End};
use super::gear::Gear;
use super::pair::Peer;

/// A direction gives way to other tasks after this many bytes: about a third of a millisecond of
/// work, which nobody notices as delay, and against which the cost of yielding is nothing.
const TURN: usize = 1024 * 1024;

/// After a reset, the other side has this long to take what was sent before it. A peer that reads
/// at all takes one batch in far less; one that does not must learn of the reset all the same.
pub(crate) const LAST_BYTES: Duration = Duration::from_secs(1);

/// What both directions know of each other.
pub(super) struct Shared {
    pub(super) activity: Activity,
    cut: OnceLock<Cut>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            activity: Activity::new(),
            cut: OnceLock::new(),
        }
    }

    /// The first cut that a direction met.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut.get().copied()
    }

    /// Notes a cut, as soon as the kernel tells of it: it tells once.
    fn note_cut(&self, cut: Cut) {
        self.cut.get_or_init(|| cut);
    }
}

/// One direction.
pub(crate) struct Direction<'a> {
    pub(super) from: Peer<'a>,
    pub(super) to: Peer<'a>,
    pub(super) shared: &'a Shared,
    options: &'a Options,
    written: &'a AtomicU64,
    end: OnceLock<End>,
}

/// The outcome of one attempt to move bytes. All that was read has been written.
pub(super) enum Batch {
    /// This many bytes were moved.
    Moved(usize),
    /// There is nothing to read now.
    Dry,
    /// The sender's end of stream.
    Eof,
}

impl<'a> Direction<'a> {
    pub(super) fn new(
        from: Peer<'a>,
        to: Peer<'a>,
        written: &'a AtomicU64,
        shared: &'a Shared,
        options: &'a Options,
    ) -> Self {
        Self {
            from,
            to,
            shared,
            options,
            written,
            end: OnceLock::new(),
        }
    }

    /// How the direction ended, if it did.
    pub(super) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Moves bytes until the direction ends. An error ends the other direction at once, too.
    pub(crate) async fn run(&self, prefix: Bytes) -> Result<(), Cut> {
        let moved = self.all(prefix).await;
        let end = moved.and_then(|()| self.pass_eof_on());
        self.end
            .get_or_init(|| end.map_or_else(End::Cut, |()| End::Eof));
        self.concluded(end).map(|_| ())
    }

    async fn all(&self, prefix: Bytes) -> Result<(), Cut> {
        self.write_all(prefix).await?;
        self.carry(u64::MAX).await?;
        Ok(())
    }

    /// What an end of this direction is to both: `None` if its destination was reset.
    ///
    /// That is not an error for the other direction: what the destination sent before the reset is
    /// still there to be read, and belongs to the other side.
    pub(crate) fn concluded<T>(&self, end: Result<T, Cut>) -> Result<Option<T>, Cut> {
        let cut = match end {
            Ok(value) => return Ok(Some(value)),
            Err(cut) => cut,
        };
        self.shared.note_cut(cut);
        if cut == (Cut::Reset { by: self.to.side }) {
            Ok(None)
        } else {
            Err(cut)
        }
    }

    /// Moves `count` bytes, whatever they are. Returns how many the stream ended before.
    pub(crate) async fn carry(&self, mut count: u64) -> Result<u64, Cut> {
        let mut gear = Gear::new(self.options);
        let mut turn = 0;
        while count > 0 {
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            let batch = match gear.pipe() {
                Some(pipe) => self.splice(pipe, most).await?,
                None => self.copy(most).await?,
            };
            match batch {
                Batch::Moved(bytes) => {
                    count = count.saturating_sub(bytes as u64);
                    gear.moved(bytes);
                    turn = give_way(turn + bytes).await;
                }
                Batch::Dry => {
                    gear.dry();
                    self.from.readable().await?;
                }
                Batch::Eof => break,
            }
        }
        Ok(count)
    }

    /// Once the kernel has told of the source's failure, to whoever wrote to it or watched it, all that
    /// a read finds is an end of stream: after a cut, none is passed on.
    pub(crate) fn pass_eof_on(&self) -> Result<(), Cut> {
        self.shared.cut().map_or_else(|| self.to.shutdown(), Err)
    }

    /// Writes all of `bytes`, which were read before and are nowhere else.
    pub(crate) async fn write_all(&self, mut bytes: Bytes) -> Result<(), Cut> {
        while !bytes.is_empty() {
            match self.written(self.to.stream.try_write(&bytes))? {
                Some(count) => bytes.advance(count),
                None => self.room().await?,
            }
        }
        Ok(())
    }

    /// Waits until the destination takes more. Meanwhile nobody reads from the source, so a reset
    /// of it has to be watched for.
    pub(super) async fn room(&self) -> Result<(), Cut> {
        select! {
            biased;
            ready = self.to.writable() => ready,
            cut = self.source_gone() => Err(cut),
        }
    }

    /// Ends a while after the source has failed: for who waits and does not read from it.
    pub(crate) async fn source_gone(&self) -> Cut {
        let cut = self.from.failure().await;
        self.shared.note_cut(cut);
        sleep(LAST_BYTES).await;
        cut
    }

    /// Counts what an attempt to write has written; `None`: it would have blocked.
    pub(super) fn written(&self, result: io::Result<usize>) -> Result<Option<usize>, Cut> {
        let taken = self.to.attempt(match result {
            // There was something to write: without this it would be tried for ever.
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            other => other,
        })?;
        if let Some(count) = taken {
            self.written.fetch_add(count as u64, Ordering::Relaxed);
            self.shared.activity.note();
        }
        Ok(taken)
    }
}

/// Lets other tasks run: at once when the turn is used up, else when tokio finds that this task has
/// done enough, so that many small batches do not hold the worker either. Returns what the turn is now.
async fn give_way(turn: usize) -> usize {
    if turn < TURN {
        task::consume_budget().await;
        return turn;
    }
    task::yield_now().await;
    0
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn yields(turn: usize) -> bool {
        pin!(give_way(turn))
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    }

    #[tokio::test]
    async fn a_direction_gives_way_after_its_turn() {
        assert!(!yields(TURN - 1));
        assert!(yields(TURN));
        assert_eq!(give_way(TURN).await, 0);
    }

    #[tokio::test]
    async fn a_direction_gives_way_after_many_small_batches() {
        // Tokio's budget is 128 operations.
        assert!((0..1000).any(|_| yields(1)));
    }
}
