//! What is sent: bytes that tell where in the stream they belong.

use std::sync::LazyLock;

use anyhow::{Result, ensure};

/// The pattern begins again after this many bytes: a prime, so that no block of a kernel's or a relay's
/// size fits into it, and one that is lost, doubled or moved is seen.
const PERIOD: usize = 262_147;

/// The most that is read or written at once: it stays in a core's second-level cache.
pub(crate) const BLOCK: usize = 256 * 1024;

static BYTES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    let period: Vec<u8> = (0..PERIOD).map(|_| random.u8(..)).collect();
    // Once more behind it: a block may begin anywhere.
    period
        .iter()
        .cycle()
        .take(PERIOD + BLOCK)
        .copied()
        .collect()
});

/// A place in the stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pattern {
    at: usize,
}

impl Pattern {
    /// The next bytes, at most [`BLOCK`].
    pub(crate) fn next(self, length: usize) -> &'static [u8] {
        let (_, rest) = BYTES.split_at(self.at);
        rest.split_at(length.min(BLOCK)).0
    }

    /// Goes on by so many bytes.
    pub(crate) fn advance(&mut self, length: usize) {
        self.at = (self.at + length) % PERIOD;
    }

    /// Sees that `bytes` are the next, and goes on by them.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<()> {
        ensure!(
            self.next(bytes.len()) == bytes,
            "wrong bytes: lost, doubled or moved"
        );
        self.advance(bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_checked_however_it_is_cut() {
        let (mut sent, mut seen) = (Pattern::default(), Pattern::default());
        for length in [1, 65_536, BLOCK, 3, PERIOD - BLOCK, 4096] {
            let bytes = sent.next(length);
            sent.advance(bytes.len());
            for part in bytes.chunks(1000) {
                seen.check(part).expect("the bytes that were sent");
            }
        }
    }

    #[test]
    fn a_block_that_is_lost_or_doubled_is_seen() {
        for block in [1, 1448, 4096, 65_536, BLOCK] {
            let mut sent = Pattern::default();
            sent.advance(block);
            let mut lost = Pattern::default();
            lost.check(sent.next(100)).expect_err("a block is missing");
            let mut doubled = sent;
            doubled
                .check(Pattern::default().next(100))
                .expect_err("a block came twice");
        }
    }
}
