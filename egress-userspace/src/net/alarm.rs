//! Times at which sockets are looked at again, whatever becomes of them: rough, and four bytes each.
//!
//! A timer of the runtime is precise, and takes a hundred bytes and a place in its wheel. Here it is for what ends
//! a connection on which nothing happens, which is minutes to hours.

use std::num::NonZero;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Between two looks at what is due: an alarm is so late at most, and a table of 10,000 sockets is looked at in some
/// tens of microseconds.
pub(super) const TICK: Duration = Duration::from_millis(250);

const TICKS_A_SECOND: u64 = 4;
const _: () = assert!(TICK.as_nanos() * TICKS_A_SECOND as u128 == 1_000_000_000);

/// A time, in ticks since the clock's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm(NonZero<u32>);

/// Tells when alarms are due.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    wanted: Notify,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            wanted: Notify::new(),
        }
    }

    /// The first tick that is not before `when`.
    pub(super) fn at(&self, when: Instant) -> Alarm {
        let after = when.saturating_duration_since(self.start);
        Alarm::new(ticks(after, u32::div_ceil))
    }

    /// There is an alarm.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Waits until there is an alarm.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Waits a tick; gives the alarms that are due, which are those up to this one.
    pub(super) async fn tick(&self) -> Alarm {
        sleep(TICK).await;
        Alarm::new(ticks(self.start.elapsed(), |part, tick| part / tick))
    }
}

/// In ticks, what is less than one as `divide` has it.
fn ticks(time: Duration, divide: fn(u32, u32) -> u32) -> u64 {
    time.as_secs() * TICKS_A_SECOND + u64::from(divide(time.subsec_nanos(), TICK.subsec_nanos()))
}

impl Alarm {
    /// The last one is 34 years after the clock's start.
    fn new(ticks: u64) -> Self {
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        Self(NonZero::new(ticks).unwrap_or(NonZero::<u32>::MIN))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_never_early_and_at_most_a_tick_late() {
        let clock = Clock::new();
        for millis in [1, 250, 251, 1000, 3_600_000] {
            let when = Instant::now() + Duration::from_millis(millis);
            let alarm = clock.at(when);
            while clock.tick().await < alarm {
                if when.saturating_duration_since(Instant::now()) > 2 * TICK {
                    advance(TICK).await;
                }
            }
            let late = Instant::now().checked_duration_since(when);
            let late = late.expect("not before it was due");
            assert!(late <= 2 * TICK, "{late:?}");
        }
    }
}
