//! The bytes of one direction on their way: what was read and is not written yet, and what is to be
//! done next. It is polled, not awaited, so that a relay that waits is as small as what it must know.

use std::future::Future;
use std::mem::take;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::task::yield_now;

use super::copy::SCRATCH;
use super::direction::Direction;
use super::end::Cut;
use super::gear::Gear;
use super::pool::Lease;
use super::turn::Turn;
use crate::net::{Unsent, look_around, send_gathered};

/// One direction at work.
pub(super) struct Flow<'a> {
    /// Bytes that are still to be read.
    left: u64,
    /// Read, and not yet written: on the heap, as this lasts only while the destination is full.
    held: Option<Box<Held<'a>>>,
    /// What comes after what is held, if that is known: the end of the stream, or its failure.
    pub(super) then: Option<Result<(), Cut>>,
    pub(super) gear: Gear,
    turn: Turn,
    /// Whether a read that brought less than there was room for is taken for the last one.
    trusting: bool,
    pub(super) doubt: Doubt,
    /// The last bytes were posted, and it is not known yet what became of them.
    posted: bool,
}

/// Whether there may be something to read although it seems that there is not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    No,
    /// The last read was taken for the last one.
    Unsure,
    /// The next read is not to ask the socket's poller, which believes that there is nothing.
    Probe,
}

/// What was read for a destination, which does not take it yet.
pub(super) struct Held<'a> {
    bytes: Bytes,
    /// In place of bytes.
    pipe: Option<Lease>,
    /// Watches the source, which nobody reads from meanwhile.
    watch: Option<Pin<Box<dyn Future<Output = Cut> + Send + 'a>>>,
}

/// What has become of the first bytes of a direction, which were there before it began.
pub(super) enum Begun<'a> {
    /// There were none, or they are written.
    Written,
    /// They are to be sent together with others'.
    Posted,
    /// Some of them are not written yet.
    Held(Box<Held<'a>>),
    Failed(Cut),
}

/// The outcome of one attempt to move bytes.
pub(super) enum Batch {
    /// This many bytes were read. Some of them may be held still.
    Moved(usize),
    /// There is nothing to read now.
    Dry,
    /// The sender's end of stream.
    Eof,
}

/// Has the task polled again after the others, and after a look at what sockets have become ready: who
/// only wakes itself comes before that, and bulk would hold up new connections for tens of milliseconds.
fn give_way(cx: &mut Context<'_>) {
    look_around();
    let _ = pin!(yield_now()).poll(cx);
}

impl<'a> Flow<'a> {
    /// Moves `count` bytes after those of `prefix`.
    pub(super) fn new(count: u64, prefix: Option<Box<Held<'a>>>) -> Self {
        Self {
            left: count,
            held: prefix,
            then: None,
            gear: Gear::default(),
            turn: Turn::default(),
            trusting: false,
            doubt: Doubt::No,
            posted: false,
        }
    }

    /// Moves what comes until the end of the stream, after the first bytes, unless those have failed.
    /// Who calls this looks at [`doubts`](Self::doubts) from time to time.
    pub(super) fn trusting(begun: Begun<'a>) -> Self {
        let mut flow = Self {
            trusting: true,
            ..Self::new(u64::MAX, None)
        };
        match begun {
            Begun::Written => {}
            Begun::Posted => flow.posted = true,
            Begun::Held(held) => flow.held = Some(held),
            Begun::Failed(cut) => flow.then = Some(Err(cut)),
        }
        flow
    }

    /// A read that stops before a byte of urgent data looks like one that took all. Whoever waits
    /// after such a read has to look again, once.
    pub(super) fn doubts(&self) -> bool {
        self.doubt == Doubt::Unsure
    }

    /// Has the next poll look whether there is more.
    pub(super) fn look_again(&mut self) {
        if self.doubts() {
            self.doubt = Doubt::Probe;
        }
    }

    pub(super) fn is_trusting(&self) -> bool {
        self.trusting
    }

    /// Whether bytes were moved since the source was waited for.
    pub(super) fn is_moving(&self) -> bool {
        self.turn.has_begun()
    }

    /// Moves bytes; ready when all are, or the stream has ended before: with how many it did.
    pub(super) fn poll(
        &mut self,
        direction: Direction<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, Cut>> {
        self.turn.begin();
        loop {
            ready!(self.poll_sent(direction, cx))?;
            ready!(self.poll_written(direction, cx))?;
            if let Some(end) = self.then {
                return Poll::Ready(end.map(|()| self.left));
            }
            if self.left == 0 {
                return Poll::Ready(Ok(0));
            }
            if self.turn.is_over() {
                self.turn.pass();
                give_way(cx);
                return Poll::Pending;
            }
            match self.batch(direction)? {
                Batch::Moved(bytes) => {
                    self.left = self.left.saturating_sub(bytes as u64);
                    self.gear.moved(bytes);
                    self.turn.moved(bytes);
                }
                Batch::Dry => {
                    if self.doubt == Doubt::Probe {
                        self.doubt = Doubt::No;
                    }
                    let readable = direction.from().stream.poll_readable(cx);
                    if readable.is_pending() {
                        self.turn = Turn::default();
                    }
                    ready!(readable);
                }
                Batch::Eof => return Poll::Ready(Ok(self.left)),
            }
        }
    }

    fn batch(&mut self, direction: Direction<'_>) -> Result<Batch, Cut> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if self.doubt == Doubt::Probe {
            return self.copy(direction, most.min(SCRATCH));
        }
        let pipe = self.gear.pipe(direction.joint.options);
        if pipe.is_some() || self.turn.is_long() {
            // What others have to say does not wait for that.
            send_gathered();
        }
        match pipe {
            Some(pipe) => self.splice(direction, pipe, most),
            None => self.copy(direction, most.min(SCRATCH)),
        }
    }

    /// Has this written before anything that comes after it.
    pub(super) fn hold(&mut self, held: Option<Box<Held<'a>>>) {
        self.held = held;
    }

    /// Posts what was read, unless more of it is known; false: it is to be written by itself.
    pub(super) fn post(&mut self, direction: Direction<'_>, read: &[u8]) -> bool {
        self.posted = self.trusting && self.then.is_none() && direction.post(read);
        self.posted
    }

    /// Hears what became of what was posted. That may wait for as long as nothing comes after it.
    fn poll_sent(
        &mut self,
        direction: Direction<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cut>> {
        if !self.posted {
            return Poll::Ready(Ok(()));
        }
        let looks = self.doubt == Doubt::Probe;
        if !looks && direction.from().stream.poll_readable(cx).is_pending() {
            self.turn = Turn::default();
            ready!(direction.to().stream.poll_sent(cx));
        }
        Poll::Ready(self.settle(direction))
    }

    /// Has what was posted sent, if that waits still, and holds what of it could not be.
    pub(super) fn settle(&mut self, direction: Direction<'_>) -> Result<(), Cut> {
        if !take(&mut self.posted) {
            return Ok(());
        }
        let to = direction.to();
        let Some(Unsent { bytes, error }) = to.stream.take_unsent() else {
            return Ok(());
        };
        direction.count_back(bytes.len());
        if let Some(error) = error {
            return Err(to.cut(&error));
        }
        self.hold(Held::bytes(bytes));
        Ok(())
    }

    /// Writes all that is held.
    fn poll_written(
        &mut self,
        direction: Direction<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cut>> {
        while let Some(held) = &mut self.held {
            if held.write(direction)? {
                if let Some(pipe) = self
                    .held
                    .take_if(|held| held.is_empty())
                    .and_then(|held| held.pipe)
                {
                    pipe.put_back();
                }
            } else {
                ready!(held.poll_room(direction, cx))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<'a> Held<'a> {
    /// These bytes; `None`: there are none.
    pub(super) fn bytes(bytes: Bytes) -> Option<Box<Self>> {
        if bytes.is_empty() {
            return None;
        }
        Some(Box::new(Self {
            bytes,
            pipe: None,
            watch: None,
        }))
    }

    /// What is in a pipe.
    pub(super) fn pipe(pipe: Lease) -> Self {
        Self {
            bytes: Bytes::new(),
            pipe: Some(pipe),
            watch: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.pipe.as_ref().is_none_or(|pipe| pipe.held() == 0)
    }

    /// Writes what there is room for; false: there is none.
    fn write(&mut self, direction: Direction<'_>) -> Result<bool, Cut> {
        let written = if let Some(pipe) = &mut self.pipe {
            pipe.give(direction)?
        } else {
            let written = direction.write(&self.bytes)?;
            self.bytes.advance(written.unwrap_or(0));
            written
        };
        Ok(written.is_some())
    }

    /// Waits until the destination takes more. Meanwhile nobody reads from the source, so a reset
    /// of it has to be watched for.
    fn poll_room(
        &mut self,
        direction: Direction<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cut>> {
        if direction.to().stream.poll_writable(cx).is_ready() {
            self.watch = None;
            return Poll::Ready(Ok(()));
        }
        let watch = self
            .watch
            .get_or_insert_with(|| Box::pin(direction.source_gone()));
        watch.as_mut().poll(cx).map(Err)
    }
}
