//! Which engine moves the next batch of a direction.

use super::Options;
use super::copy::SCRATCH;
use super::pool::{self, Lease};

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
    bulk: bool,
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

    /// Notes a batch. One that filled the scratch buffer has more behind it.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.bulk |= bytes >= SCRATCH;
    }

    /// Notes that all was read.
    pub(super) fn dry(&mut self) {
        self.bulk = false;
    }

    fn wants_pipe(&self, mode: Mode) -> bool {
        match mode {
            Mode::Auto => self.bulk,
            Mode::Splice => true,
            Mode::Copy => false,
        }
    }
}
