//! Which engine moves the next batch of a direction.

use super::Options;
use super::pool::{self, Lease};

/// A direction that has moved so much without a trickle carries bulk: to copy more of it, out of the
/// kernel and in again, costs several times what handing its pages on does.
const BULK: u32 = 64 * 1024;

/// A read that brings less is of no bulk: to copy so little costs no more than to splice it.
const TRICKLE: u32 = 4 * 1024;

/// The engine of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Copies what is small, splices what is bulk.
    Auto,
    /// Splices everything, as far as there are pipes.
    Splice,
    /// Copies everything.
    Copy,
}

/// What a direction is doing, for the choice of its engine.
#[derive(Default)]
pub(super) struct Gear {
    /// Bytes that speak for bulk, at most twice [`BULK`].
    heat: u32,
    refused: bool,
}

impl Gear {
    /// A pipe for the next batch, if that is to be spliced.
    ///
    /// A direction that got none copies for the rest of its life: to ask again on each batch would
    /// cost most when the kernel is shortest of pipes.
    pub(super) fn pipe(&mut self, options: &Options) -> Option<Lease> {
        if self.refused || !self.wants_pipe(options.mode) {
            return None;
        }
        let pipe = Lease::take(options.max_pipes);
        if pipe.is_none() {
            self.refused = true;
            pool::count_fallback();
        }
        pipe
    }

    /// Notes a batch. That nothing is left after it says nothing: a relay that keeps pace with its source
    /// empties it all the time.
    pub(super) fn moved(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.heat = if bytes < TRICKLE {
            self.heat / 2
        } else {
            self.heat.saturating_add(bytes).min(2 * BULK)
        };
    }

    fn wants_pipe(&self, mode: Mode) -> bool {
        match mode {
            Mode::Auto => self.heat >= BULK,
            Mode::Splice => true,
            Mode::Copy => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(batches: &[u32]) -> bool {
        let mut gear = Gear::default();
        for batch in batches {
            gear.moved(*batch as usize);
        }
        gear.wants_pipe(Mode::Auto)
    }

    #[test]
    fn bulk_is_spliced_and_stays_so_when_its_source_is_slow_for_a_while() {
        assert!(!after(&[BULK - 1]));
        assert!(after(&[BULK]));
        // As it comes from a source that the relay keeps pace with.
        assert!(after(&[TRICKLE; (BULK / TRICKLE) as usize]));
        assert!(after(&[BULK, TRICKLE, BULK, 100]));
    }

    #[test]
    fn what_trickles_is_copied_however_long() {
        assert!(!after(&[TRICKLE - 1; 1_000]));
        // After bulk, too, and after any amount of it.
        assert!(!after(&[BULK * 100, 100, 100]));
    }
}
