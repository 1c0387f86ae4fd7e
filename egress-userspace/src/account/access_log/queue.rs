//! Lines that wait for the writer, in one text.
//!
//! To wake a thread for each line costs more than the line. So the writer is woken when the first one
//! comes, and lets others gather before it takes them all.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Room for each line that may wait: an ordinary one has 400 to 700 bytes.
const LINE: usize = 1_024;

/// Lines on their way to the writer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Lines that may wait.
    bound: usize,
    /// How long the first line waits for others.
    gather: Duration,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    writer: Writer,
    reopen: bool,
    ended: bool,
}

/// What the writer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writer {
    /// It writes, and looks for more by itself.
    #[default]
    Awake,
    /// It waits for the first line.
    Idle,
    /// It lets lines gather.
    Gathering,
}

/// What the writer is to do when it has written the lines that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask again.
    Go,
    /// Open the destination again.
    Reopen,
    /// End: there will be no more lines.
    End,
}

/// Whole lines.
#[derive(Debug, Default)]
pub(in crate::account) struct Batch {
    pub(in crate::account) text: Vec<u8>,
    pub(in crate::account) lines: usize,
}

impl Queue {
    pub(super) fn new(bound: usize, gather: Duration) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            bound,
            gather,
        }
    }

    /// Adds a line, with its newline; false: there is no room, or nothing more is taken.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let mut state = self.lock();
        if state.ended || !self.has_room(&state.waiting, line) {
            return false;
        }
        state.waiting.text.extend_from_slice(line);
        state.waiting.lines += 1;
        let wakes = match state.writer {
            Writer::Awake => false,
            Writer::Idle => true,
            Writer::Gathering => self.is_half_full(&state.waiting),
        };
        if wakes {
            // Once: the next line finds it awake.
            state.writer = Writer::Awake;
        }
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        true
    }

    /// The destination is to be opened again, once what waits is written.
    pub(super) fn reopen(&self) {
        self.lock().reopen = true;
        self.wake.notify_one();
    }

    /// Lines that wait, and how many may.
    pub(super) fn usage(&self) -> (usize, usize) {
        (self.lock().waiting.lines, self.bound)
    }

    /// Nothing more is taken; what waits still goes to the writer.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.wake.notify_one();
    }

    /// Waits for something to do, and swaps the lines that wait for an empty batch.
    pub(super) fn next(&self, batch: &mut Batch) -> Next {
        let mut state = self.lock();
        while state.waiting.lines == 0 && !state.hurries() {
            state.writer = Writer::Idle;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + self.gather;
        while !state.hurries() && !self.is_half_full(&state.waiting) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.writer = Writer::Gathering;
            let waited = self.wake.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.writer = Writer::Awake;
        mem::swap(batch, &mut state.waiting);
        if mem::take(&mut state.reopen) {
            Next::Reopen
        } else if state.ended {
            Next::End
        } else {
            Next::Go
        }
    }

    /// One line always fits, however long.
    fn has_room(&self, waiting: &Batch, line: &[u8]) -> bool {
        waiting.lines == 0
            || waiting.lines < self.bound && waiting.text.len() + line.len() <= self.bound * LINE
    }

    fn is_half_full(&self, waiting: &Batch) -> bool {
        waiting.lines * 2 >= self.bound || waiting.text.len() * 2 >= self.bound * LINE
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the writer has something to do that does not wait for lines to gather.
    fn hurries(&self) -> bool {
        self.reopen || self.ended
    }
}

impl Batch {
    /// Bytes of room that are kept for the next lines: what 10,000 connections a second leave while they
    /// gather, twice over. What a stuck reader made it grow to is given back.
    const KEPT: usize = 256 * 1024;

    /// Makes it empty.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(Self::KEPT);
        self.lines = 0;
    }
}
