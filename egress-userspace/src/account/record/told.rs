//! What the metrics have of a connection's traffic while it lasts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Traffic;

/// How much of it they have.
#[derive(Debug, Default)]
pub struct Told {
    from_client: AtomicU64,
    from_upstream: AtomicU64,
}

/// A connection's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All of it.
    pub all: Traffic,
    /// What of it the metrics do not have yet.
    pub untold: Traffic,
}

/// Who counts a connection's bytes.
pub trait Counts: Send + Sync {
    /// All that has passed, and what of it the metrics do not have: they are told of that by who asks.
    fn counted(&self) -> Counted;
}

impl<F: Fn() -> Counted + Send + Sync> Counts for F {
    fn counted(&self) -> Counted {
        self()
    }
}

impl Told {
    /// All that has passed by now, and what of it the metrics do not have yet; they have it from then on.
    /// Whoever else asks at the same time, no byte is given twice.
    pub fn counted(&self, all: Traffic) -> Counted {
        let untold = |told: &AtomicU64, all: u64| {
            let before = told.fetch_max(all, Ordering::Relaxed);
            all.saturating_sub(before)
        };
        let untold = Traffic {
            from_client: untold(&self.from_client, all.from_client),
            from_upstream: untold(&self.from_upstream, all.from_upstream),
        };
        Counted { all, untold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(from_client: u64, from_upstream: u64) -> Traffic {
        Traffic {
            from_client,
            from_upstream,
        }
    }

    #[test]
    fn each_byte_is_told_once() {
        let told = Told::default();
        let untold = |client, upstream| told.counted(traffic(client, upstream)).untold;
        assert_eq!(untold(10, 0), traffic(10, 0));
        assert_eq!(untold(15, 7), traffic(5, 7));
        assert_eq!(untold(15, 7), traffic(0, 0));
        // Somebody looked before the last one did, and tells after it.
        assert_eq!(untold(12, 3), traffic(0, 0));
        let counted = told.counted(traffic(16, 7));
        assert_eq!(
            (counted.all, counted.untold),
            (traffic(16, 7), traffic(1, 0))
        );
    }
}
