//! One direction of a relay: reads from one socket and writes to the other, until the end.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::end::{Cut, End, Side};
use super::flow::{Flow, Held};
use super::joint::Joint;
use super::pair::Peer;

/// After a reset, the other side has this long to take what was sent before it. A peer that reads
/// at all takes one batch in far less; one that does not must learn of the reset all the same.
pub(crate) const LAST_BYTES: Duration = Duration::from_secs(1);

/// One direction.
#[derive(Clone, Copy)]
pub(crate) struct Direction<'a> {
    pub(super) joint: &'a Joint<'a>,
    from: Side,
}

impl<'a> Direction<'a> {
    pub(super) fn new(joint: &'a Joint<'a>, from: Side) -> Self {
        Self { joint, from }
    }

    /// Whom it reads from.
    pub(super) fn from(&self) -> Peer<'a> {
        self.joint.pair.peer(self.from)
    }

    /// Whom it writes to.
    pub(super) fn to(&self) -> Peer<'a> {
        self.joint.pair.peer(self.from.other())
    }

    /// How the direction ended, if it did.
    pub(super) fn end(&self) -> Option<End> {
        self.joint.end(self.from).get().copied()
    }

    /// Moves bytes until the direction ends. An error ends the other direction at once, too.
    pub(crate) async fn run(&self, prefix: Bytes) -> Result<(), Cut> {
        let mut flow = Flow::new(u64::MAX, Held::bytes(prefix));
        let moved = poll_fn(|cx| flow.poll(*self, cx)).await;
        self.ended(moved.and_then(|_| self.pass_eof_on()))
    }

    /// Notes how the direction ended. An error is one for the other direction too.
    pub(super) fn ended(&self, end: Result<(), Cut>) -> Result<(), Cut> {
        let noted = self.joint.end(self.from);
        noted.get_or_init(|| end.map_or_else(End::Cut, |()| End::Eof));
        self.concluded(end).map(|_| ())
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
        self.joint.note_cut(cut);
        if cut == (Cut::Reset { by: self.to().side }) {
            Ok(None)
        } else {
            Err(cut)
        }
    }

    /// Moves `count` bytes, whatever they are. Returns how many the stream ended before.
    pub(crate) async fn carry(&self, count: u64) -> Result<u64, Cut> {
        let mut flow = Flow::new(count, None);
        poll_fn(|cx| flow.poll(*self, cx)).await
    }

    /// Writes all of `bytes`, which were read before and are nowhere else.
    pub(crate) async fn write_all(&self, bytes: Bytes) -> Result<(), Cut> {
        let mut flow = Flow::new(0, Held::bytes(bytes));
        poll_fn(|cx| flow.poll(*self, cx)).await.map(|_| ())
    }

    /// Once the kernel has told of the source's failure, to whoever wrote to it or watched it, all that
    /// a read finds is an end of stream: after a cut, none is passed on.
    pub(crate) fn pass_eof_on(&self) -> Result<(), Cut> {
        self.joint.cut().map_or_else(|| self.to().shutdown(), Err)
    }

    /// Ends a while after the source has failed: for who waits and does not read from it.
    pub(crate) async fn source_gone(self) -> Cut {
        let cut = self.from().failure().await;
        self.joint.note_cut(cut);
        sleep(LAST_BYTES).await;
        cut
    }

    /// Counts what an attempt to write has written, and has it go out; `None`: it would have blocked.
    pub(super) fn written(&self, result: io::Result<usize>) -> Result<Option<usize>, Cut> {
        let taken = self.taken(result)?;
        if let Some(count) = taken {
            self.prompt(count);
        }
        Ok(taken)
    }

    /// Counts what an attempt to write has written, and leaves it to the kernel when that goes out: what is held back for
    /// the end of the stream is let go of by it.
    pub(super) fn taken(&self, result: io::Result<usize>) -> Result<Option<usize>, Cut> {
        let taken = self.to().attempt(match result {
            // There was something to write: without this it would be tried for ever.
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            other => other,
        })?;
        if let Some(count) = taken {
            self.count(count);
        }
        Ok(taken)
    }

    /// Posts bytes, to be sent together with what goes elsewhere; false: they are to be written by themselves.
    pub(super) fn post(&self, bytes: &[u8]) -> bool {
        let is_posted = self.to().stream.post(bytes);
        if is_posted {
            self.count(bytes.len());
            self.prompt(bytes.len());
        }
        is_posted
    }

    /// Counts bytes as written.
    fn count(&self, bytes: usize) {
        self.counter().fetch_add(bytes as u64, Ordering::Relaxed);
        self.joint.activity.note();
    }

    /// Where what was counted last, so many bytes, is more than a first message to the upstream: has it go out, and all
    /// that follows.
    fn prompt(&self, bytes: usize) {
        if self.from == Side::Client && self.counter().load(Ordering::Relaxed) > bytes as u64 {
            self.joint.prompt();
        }
    }

    /// Takes back what was counted, and is not written after all.
    pub(super) fn count_back(&self, bytes: usize) {
        self.counter().fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    fn counter(&self) -> &'a AtomicU64 {
        let counters = self.joint.counters;
        match self.from {
            Side::Client => &counters.sent,
            Side::Upstream => &counters.received,
        }
    }
}
