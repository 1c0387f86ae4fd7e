//! How much a direction moves before others have their turn.

use std::cell::Cell;
use std::mem::take;

/// What all directions of a thread move, together, between two looks at what sockets have become ready:
/// about a millisecond of work, which hardly anybody notices as delay. One that has it for itself moves
/// it all in one go: with a quarter of it bulk costs a tenth more, with an eighth two thirds, for
/// the data of several streams push each other out of the caches.
const ROUND: u32 = 4 * 1024 * 1024;

/// A turn is at least so long, however many wait: as much as a pipe holds.
const SHORTEST: u32 = 1024 * 1024;

/// What is copied in some ten microseconds.
const LONG: u32 = 64 * 1024;

/// A turn is over after so many batches, however small. Tokio lets a task find sockets ready 128 times before it
/// has to give way, and what two directions do is well within that.
const MOST_BATCHES: u8 = 32;

thread_local! {
    /// Directions of this thread that have given way and wait for their next turn.
    static WAITING: Cell<u32> = const { Cell::new(0) };
}

/// A direction's turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    moved: u32,
    batches: u8,
    /// It has given way, and is one of those that wait.
    waits: bool,
}

impl Turn {
    /// Whether something was moved in it.
    pub(super) fn has_begun(&self) -> bool {
        self.batches > 0
    }

    /// It is looked at again, and waits for its turn no longer.
    pub(super) fn begin(&mut self) {
        if take(&mut self.waits) {
            WAITING.set(WAITING.get().saturating_sub(1));
        }
    }

    /// Notes a batch.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved = u32::try_from(bytes)
            .unwrap_or(ROUND)
            .saturating_add(self.moved);
        self.batches = self.batches.saturating_add(1);
    }

    /// Whether others wait longer for its end than for a message or two.
    pub(super) fn is_long(&self) -> bool {
        self.moved >= LONG
    }

    /// Whether it is for others to work.
    pub(super) fn is_over(&self) -> bool {
        self.batches >= MOST_BATCHES || self.moved >= share(WAITING.get())
    }

    /// Begins the next one, which waits for the others'.
    pub(super) fn pass(&mut self) {
        *self = Self {
            waits: true,
            ..Self::default()
        };
        WAITING.set(WAITING.get() + 1);
    }
}

impl Drop for Turn {
    /// On the thread that it waited on: a relay stays where it is.
    fn drop(&mut self) {
        self.begin();
    }
}

/// The length of a turn where so many others wait for theirs.
fn share(others: u32) -> u32 {
    (ROUND / (others + 1)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: usize = 512 * 1024;

    /// Bytes of a turn of `turn`, which passes it on.
    fn moved(turn: &mut Turn) -> usize {
        let mut bytes = 0;
        turn.begin();
        while !turn.is_over() {
            turn.moved(BATCH);
            bytes += BATCH;
        }
        turn.pass();
        bytes
    }

    #[test]
    fn those_that_have_much_to_move_share_a_round() {
        let mut turns = [Turn::default(), Turn::default()];
        for turn in &mut turns {
            moved(turn);
        }
        for turn in &mut turns {
            assert_eq!(moved(turn), ROUND as usize / 2);
        }
        let [mut left, gone] = turns;
        drop(gone);
        assert_eq!(moved(&mut left), ROUND as usize);
        let mut many: [_; 9] = std::array::from_fn(|_| Turn::default());
        many.iter_mut().for_each(Turn::pass);
        assert_eq!(moved(&mut left), SHORTEST as usize);
    }

    #[test]
    fn one_that_has_nothing_to_move_any_more_waits_for_nothing() {
        let mut idle = Turn::default();
        idle.pass();
        let mut busy = Turn::default();
        assert_eq!(moved(&mut busy), ROUND as usize / 2);
        idle.begin();
        assert_eq!(moved(&mut busy), ROUND as usize);
    }

    #[test]
    fn a_turn_of_small_batches_ends_too() {
        let mut turn = Turn::default();
        for _ in 0..MOST_BATCHES {
            assert!(!turn.is_over());
            turn.moved(1);
        }
        assert!(turn.is_over());
    }
}
