//! When a byte last moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time of the last byte in either direction. Noting it is one store: no timer is touched.
pub(super) struct Activity {
    start: Instant,
    /// Microseconds from `start`: an atomic and not a cell, because the relay's task may change threads.
    last: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Notes that bytes moved just now.
    pub(super) fn note(&self) {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
    }

    /// When the relay began.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// When a byte last moved; at first, when the relay began.
    pub(super) fn last(&self) -> Instant {
        self.start + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_byte_is_the_one_noted_last() {
        let activity = Activity::new();
        assert_eq!(activity.last(), activity.start());
        for seconds in [45, 10] {
            advance(Duration::from_secs(seconds)).await;
            activity.note();
            assert_eq!(activity.last(), Instant::now());
        }
    }
}
