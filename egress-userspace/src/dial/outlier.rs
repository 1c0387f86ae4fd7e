//! Passing over an address that does not take connections, as Envoy's outlier detection does.

use tokio::time::Instant;

use crate::types::OutlierDetection;

/// What is known of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Since the last success or ejection.
    failures: u32,
    /// Ejections since the last success.
    times: u32,
    until: Option<Instant>,
}

impl Health {
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether nothing is held against it.
    pub(super) fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// It took a connection: all is forgotten.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not. True: these were too many, and it is to be ejected if others are left.
    pub(super) fn failed(&mut self, rules: &OutlierDetection, now: Instant) -> bool {
        if self.is_ejected(now) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.failures >= rules.consecutive_failures
    }

    /// Ejects it: the n-th time in a row for n times as long.
    pub(super) fn eject(&mut self, rules: &OutlierDetection, now: Instant) {
        self.failures = 0;
        self.times = self.times.saturating_add(1);
        let wanted = rules.base_ejection_time.saturating_mul(self.times);
        self.until = now.checked_add(wanted.min(rules.max_ejection_time));
    }
}

/// Whether one more of `all` addresses may be ejected beside `ejected`. One always may: with the one
/// address of a service nothing is lost, for when all are ejected they are tried anyway.
pub(super) fn may_eject(rules: &OutlierDetection, ejected: usize, all: usize) -> bool {
    let share = all.saturating_mul(usize::from(rules.max_ejection_percent)) / 100;
    ejected < share.max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const RULES: OutlierDetection = OutlierDetection {
        consecutive_failures: 3,
        base_ejection_time: Duration::from_secs(30),
        max_ejection_time: Duration::from_secs(70),
        max_ejection_percent: 50,
    };

    fn fail(health: &mut Health) -> bool {
        let now = Instant::now();
        let eject = health.failed(&RULES, now);
        if eject {
            health.eject(&RULES, now);
        }
        eject
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_eject() {
        let mut health = Health::default();
        for _ in 0..5 {
            assert!(!fail(&mut health) && !fail(&mut health));
            health.succeeded();
        }
        assert!(!fail(&mut health) && !fail(&mut health) && fail(&mut health));
    }

    #[tokio::test(start_paused = true)]
    async fn each_time_in_a_row_takes_longer_up_to_the_longest() {
        let mut health = Health::default();
        for seconds in [30, 60, 70, 70] {
            assert!(!fail(&mut health) && !fail(&mut health) && fail(&mut health));
            advance(Duration::from_secs(seconds - 1)).await;
            assert!(health.is_ejected(Instant::now()));
            advance(Duration::from_secs(1)).await;
            assert!(!health.is_ejected(Instant::now()));
        }
        health.succeeded();
        assert!(!fail(&mut health) && !fail(&mut health) && fail(&mut health));
        advance(Duration::from_secs(30)).await;
        assert!(!health.is_ejected(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_while_ejected_do_not_count() {
        let mut health = Health::default();
        assert!(!fail(&mut health) && !fail(&mut health) && fail(&mut health));
        let ejected = health;
        assert!(!fail(&mut health));
        assert_eq!(health, ejected);
    }

    #[test]
    fn a_share_may_be_ejected_and_one_always() {
        let may = |ejected, all| may_eject(&RULES, ejected, all);
        assert!(may(0, 1) && !may(1, 1));
        assert!(may(0, 3) && !may(1, 3));
        assert!(may(1, 4) && !may(2, 4));
        let none = OutlierDetection {
            max_ejection_percent: 0,
            ..RULES
        };
        assert!(may_eject(&none, 0, 10) && !may_eject(&none, 1, 10));
    }
}
