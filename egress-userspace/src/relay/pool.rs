//! The pipes: who has one, and where they wait. Each thread keeps a few, so that none is shared: to
//! take one and to put it back touches only the counts of the [`Ledger`].

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::debug;

use super::ledger::{InUse, Ledger, Shelf};
use super::pipe::{CAPACITY, Pipe};

/// Pipes that a thread keeps. A direction holds one only while bytes are in it, so a thread needs
/// more than one only while destinations block; this many spare it opening new ones then.
const KEPT: usize = 16;

static LEDGER: Ledger = Ledger::new();
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The pipes that wait on this thread, all empty.
    static SHELF: RefCell<Shelf<'static, Pipe>> = const { RefCell::new(Shelf::new(&LEDGER)) };
}

/// The state of the splice engine, over the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Pipes that relays hold now.
    pub pipes_in_use: usize,
    /// Pipes that wait to be used, at two descriptors each.
    pub pipes_pooled: usize,
    /// Directions that had to copy because there was no pipe to be had.
    pub fallbacks: u64,
}

/// Reads the state of the splice engine.
pub fn stats() -> Stats {
    Stats {
        pipes_in_use: LEDGER.in_use(),
        pipes_pooled: LEDGER.shelved(),
        fallbacks: FALLBACKS.load(Ordering::Relaxed),
    }
}

pub(super) fn count_fallback() {
    FALLBACKS.fetch_add(1, Ordering::Relaxed);
}

/// A pipe in use. It is empty when taken. Dropped, it is closed with whatever it holds.
pub(super) struct Lease {
    pipe: Pipe,
    held: usize,
    _in_use: InUse<'static>,
}

impl Lease {
    /// Takes a pipe, if fewer than `limit` are in use and the kernel gives one.
    pub(super) fn take(limit: usize) -> Option<Self> {
        let in_use = LEDGER.enter(limit)?;
        let pipe = match SHELF.with_borrow_mut(Shelf::pop) {
            Some(pipe) => pipe,
            None => Pipe::open(CAPACITY)
                .inspect_err(|error| debug!(%error, "no pipe to be had: copying"))
                .ok()?,
        };
        Some(Self {
            pipe,
            held: 0,
            _in_use: in_use,
        })
    }

    /// Bytes in the pipe.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes at most `most` bytes from a socket; the pipe must be empty.
    pub(super) fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<usize> {
        debug_assert_eq!(
            self.held, 0,
            "slots run out before bytes do: EAGAIN would be anyone's"
        );
        self.held = self.pipe.fill(from, CAPACITY.min(most))?;
        Ok(self.held)
    }

    /// Gives bytes to a socket. Asking for just what is held lets the last segment go at once.
    pub(super) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let count = self.pipe.drain(to, self.held)?;
        self.held -= count;
        Ok(count)
    }

    /// Lets the next one have the pipe. One that still holds bytes is closed.
    pub(super) fn put_back(self) {
        if self.held == 0 {
            SHELF.with_borrow_mut(|shelf| shelf.push(self.pipe, KEPT));
        }
    }
}

/// Pipes that wait on this thread: what tests can tell apart from what their neighbours do.
#[cfg(test)]
pub(super) fn pooled_here() -> usize {
    SHELF.with_borrow(Shelf::len)
}
