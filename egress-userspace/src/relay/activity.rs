//! When a byte last moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

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

    /// Waits until nothing has moved for `timeout`. It wakes about once in `timeout`, however busy
    /// the relay is.
    pub(super) async fn ceased(&self, timeout: Duration) {
        loop {
            let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
            let due = self.start + last + timeout;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn silence_ends_exactly_one_timeout_after_the_last_byte() {
        let activity = Activity::new();
        let start = Instant::now();
        let last = Duration::from_secs(45);
        tokio::join!(activity.ceased(TIMEOUT), async {
            advance(last).await;
            activity.note();
        });
        // The clock of tokio ticks in milliseconds, and rounds up.
        let (due, tick) = (last + TIMEOUT, Duration::from_millis(1));
        assert!(
            (due..=due + tick).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_never_moved_a_byte_is_idle_from_its_start() {
        let activity = Activity::new();
        let start = Instant::now();
        activity.ceased(TIMEOUT).await;
        assert!(start.elapsed() >= TIMEOUT);
    }
}
