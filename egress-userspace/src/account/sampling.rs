//! Which of the ordinary connections have a line in the access log.

use std::sync::atomic::{AtomicU64, Ordering};

/// The share of them that have, from 0 to 1. It may change while connections end.
#[derive(Debug)]
pub(super) struct Sampling(AtomicU64);

/// What comes of a connection's line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Draw {
    /// It is written.
    Written,
    /// It is written, for all those that are not: this share of them is.
    For(f64),
    /// It is not written.
    Out,
}

impl Sampling {
    /// All have one.
    pub(super) fn all() -> Self {
        Self(AtomicU64::new(1.0_f64.to_bits()))
    }

    /// From now on this share.
    pub(super) fn set(&self, share: f64) {
        self.0.store(share.to_bits(), Ordering::Relaxed);
    }

    /// Draws for one of them.
    pub(super) fn draw(&self) -> Draw {
        let share = f64::from_bits(self.0.load(Ordering::Relaxed));
        if share >= 1.0 {
            Draw::Written
        } else if fastrand::f64() < share {
            Draw::For(share)
        } else {
            Draw::Out
        }
    }
}

impl Draw {
    /// The share that a line tells of.
    pub(super) fn share(self) -> Option<f64> {
        match self {
            Self::For(share) => Some(share),
            Self::Written | Self::Out => None,
        }
    }
}
