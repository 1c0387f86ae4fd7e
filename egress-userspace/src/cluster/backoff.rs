//! How long it is until the API is tried again.

use std::time::Duration;

/// The first time: a server that restarts is back in seconds.
const FIRST: Duration = Duration::from_millis(500);
/// The longest: as kubelets and client-go wait, so that a cluster's nodes do not hold its API down.
const LONGEST: Duration = Duration::from_secs(30);

/// Twice as long each time, and by chance up to half as long again: what failed for many at once is not tried
/// again by all at once.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let base = self.0;
        self.0 = LONGEST.min(base * 2);
        base.mul_f64(1.0 + fastrand::f64() / 2.0)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_longer_up_to_a_bound_and_it_begins_anew() {
        let mut backoff = Backoff::default();
        let mut base = FIRST;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(
                (base..=base * 3 / 2).contains(&wait),
                "{wait:?} of {base:?}"
            );
            base = LONGEST.min(base * 2);
        }
        assert_eq!(base, LONGEST);
        backoff.reset();
        assert!(backoff.next() < FIRST * 2);
    }
}
