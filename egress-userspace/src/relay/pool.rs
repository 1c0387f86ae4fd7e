//! The pipes: who has one, and where they wait. Each thread keeps a few, so that none is shared.

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tracing::debug;

use super::pipe::{CAPACITY, Pipe};

/// Pipes that a thread keeps. A direction holds one only while bytes are in it, so a thread needs
/// more than one only while destinations block; this many spare it opening new ones then.
const KEPT: usize = 16;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static POOLED: AtomicUsize = AtomicUsize::new(0);
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool(Vec::new())) };
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
        pipes_in_use: IN_USE.load(Ordering::Relaxed),
        pipes_pooled: POOLED.load(Ordering::Relaxed),
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
    _in_use: InUse,
}

impl Lease {
    /// Takes a pipe, if fewer than `limit` are in use and the kernel gives one.
    pub(super) fn take(limit: usize) -> Option<Self> {
        let in_use = InUse::enter(limit)?;
        let pipe = match POOL.with_borrow_mut(Pool::pop) {
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
            POOL.with_borrow_mut(|pool| pool.push(self.pipe));
        }
    }
}

/// One pipe in use.
struct InUse;

impl InUse {
    fn enter(limit: usize) -> Option<Self> {
        let before = IN_USE.fetch_add(1, Ordering::Relaxed);
        let entered = Self;
        (before < limit).then_some(entered)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        IN_USE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pipes that wait on this thread, all empty.
struct Pool(Vec<Pipe>);

impl Pool {
    fn pop(&mut self) -> Option<Pipe> {
        self.0.pop().inspect(|_| {
            POOLED.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn push(&mut self, pipe: Pipe) {
        if self.0.len() < KEPT {
            self.0.push(pipe);
            POOLED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        POOLED.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

/// Pipes that wait on this thread: what tests can tell apart from what their neighbours do.
#[cfg(test)]
pub(super) fn pooled_here() -> usize {
    POOL.with_borrow(|pool| pool.0.len())
}
