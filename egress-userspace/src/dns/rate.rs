//! How many queries a caller may send.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::types::CgroupId;

/// A caller may send the queries of this time at once: programs resolve many names when they start.
const BURST: Duration = Duration::from_secs(2);
/// Callers whose buckets are kept: more than a node has cgroups that ask within [`BURST`]. Each takes
/// some forty bytes.
const MAX_BUCKETS: usize = 16_384;

/// A token bucket for each caller.
#[derive(Debug, Default)]
pub(super) struct Rate {
    buckets: Mutex<HashMap<CgroupId, Bucket>>,
}

/// A caller is over its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    /// It was not so at its query before: the one that is worth a line in a log.
    pub(super) begins: bool,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    is_over: bool,
}

impl Rate {
    /// Takes room for one query of a caller that may send `per_second`.
    pub(super) fn take(&self, caller: CgroupId, per_second: u32) -> Result<(), Over> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&caller) {
            buckets.retain(|_, bucket| now - bucket.filled < BURST);
            if buckets.len() >= MAX_BUCKETS {
                return Err(Over { begins: false });
            }
        }
        let bucket = buckets.entry(caller).or_insert(Bucket {
            tokens: capacity(per_second),
            filled: now,
            is_over: false,
        });
        bucket.take(now, per_second)
    }
}

impl Bucket {
    fn take(&mut self, now: Instant, per_second: u32) -> Result<(), Over> {
        let since = now - self.filled;
        let filled = self.tokens + since.as_secs_f64() * f64::from(per_second);
        self.tokens = filled.min(capacity(per_second));
        self.filled = now;
        if self.tokens < 1.0 {
            let begins = !self.is_over;
            self.is_over = true;
            return Err(Over { begins });
        }
        self.tokens -= 1.0;
        // Not with the first query that has room again: a caller far over its rate has one now and then.
        self.is_over &= self.tokens < capacity(per_second) / 2.0;
        Ok(())
    }
}

fn capacity(per_second: u32) -> f64 {
    f64::from(per_second) * BURST.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const CALLER: CgroupId = CgroupId(7);

    fn sent(rate: &Rate, queries: usize) -> usize {
        (0..queries)
            .filter(|_| rate.take(CALLER, 10).is_ok())
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate() {
        let rate = Rate::default();
        assert_eq!(sent(&rate, 100), 20);
        advance(Duration::from_millis(500)).await;
        assert_eq!(sent(&rate, 100), 5);
        advance(Duration::from_mins(1)).await;
        assert_eq!(sent(&rate, 100), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn another_caller_has_a_bucket_of_its_own() {
        let rate = Rate::default();
        sent(&rate, 100);
        assert_eq!(rate.take(CgroupId(8), 10), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_begins_once_however_long_it_lasts() {
        let rate = Rate::default();
        let mut begun = 0;
        for _ in 0..1000 {
            advance(Duration::from_millis(10)).await;
            begun += usize::from(rate.take(CALLER, 10) == Err(Over { begins: true }));
        }
        assert_eq!(begun, 1);
        advance(Duration::from_secs(2)).await;
        sent(&rate, 20);
        assert_eq!(rate.take(CALLER, 10), Err(Over { begins: true }));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_are_quiet_take_no_memory_for_ever() {
        let rate = Rate::default();
        for id in 0..MAX_BUCKETS as u64 {
            assert_eq!(rate.take(CgroupId(id), 10), Ok(()));
        }
        let next = CgroupId(u64::MAX);
        assert_eq!(rate.take(next, 10), Err(Over { begins: false }));
        advance(BURST).await;
        assert_eq!(rate.take(next, 10), Ok(()));
        assert_eq!(rate.buckets.lock().expect("not poisoned").len(), 1);
    }
}
