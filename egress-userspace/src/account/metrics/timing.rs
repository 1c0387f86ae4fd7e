//! How long things took: histograms without a lock, for each connection is timed several times.

use std::fmt;
use std::iter::zip;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

const fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// For what a client waits for. A first message that came with the handshake, an answer from the cache
/// and a neighbour take some ten microseconds; ten seconds are the connect timeout's default.
pub(super) const LATENCY: &[Duration] = &[
    micros(10),
    micros(25),
    micros(50),
    micros(100),
    micros(250),
    micros(500),
    millis(1),
    micros(2_500),
    millis(5),
    millis(10),
    millis(25),
    millis(50),
    millis(100),
    millis(250),
    millis(500),
    secs(1),
    micros(2_500_000),
    secs(5),
    secs(10),
];

/// For how long connections last: from one request to the pools and streams that stay for a day.
pub(super) const LIFE: &[Duration] = &[
    millis(10),
    millis(50),
    millis(250),
    secs(1),
    secs(5),
    secs(30),
    secs(2 * 60),
    secs(10 * 60),
    secs(60 * 60),
    secs(6 * 60 * 60),
    secs(24 * 60 * 60),
];

/// A histogram of times. Cheap to clone; two atomic additions to observe.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    bounds: &'static [Duration],
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// One more than there are bounds: what is above the last.
    buckets: Box<[AtomicU64]>,
    /// In microseconds: 64 bits are enough for 65,536 connections over nine years.
    sum: AtomicU64,
}

impl Timing {
    /// Nothing observed yet. The bounds ascend.
    pub(super) fn new(bounds: &'static [Duration]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            bounds,
            counts: Arc::new(Counts {
                buckets,
                sum: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        let place = self.bounds.partition_point(|bound| *bound < took);
        if let Some(bucket) = self.counts.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        // To the nearest: cut off, the shortest would all be too short by half of one.
        let nearest = took.saturating_add(Duration::from_nanos(500)).as_micros();
        let nearest = u64::try_from(nearest).unwrap_or(u64::MAX);
        self.counts.sum.fetch_add(nearest, Ordering::Relaxed);
    }
}

impl TypedMetric for Timing {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Timing {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = self.bounds.iter().map(Duration::as_secs_f64);
        let counts = self.counts.buckets.iter();
        let counts = counts.map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = zip(bounds.chain([f64::INFINITY]), counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_micros(self.counts.sum.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn bounds_ascend() {
        for bounds in [LATENCY, LIFE] {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        }
    }

    #[test]
    fn each_time_is_in_the_first_bucket_that_it_fits_in() {
        const BOUNDS: &[Duration] = &[millis(1), millis(2)];
        let timing = Timing::new(BOUNDS);
        for took in [micros(3), millis(1), micros(1_001), secs(7)] {
            timing.observe(took);
        }
        let mut registry = Registry::default();
        registry.register("t", "Times", timing);
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("encodes");
        let expected = "# HELP t Times.\n# TYPE t histogram\nt_sum 7.002004\nt_count 4\n\
                        t_bucket{le=\"0.001\"} 2\nt_bucket{le=\"0.002\"} 3\nt_bucket{le=\"+Inf\"} 4\n# EOF\n";
        assert_eq!(page, expected);
    }
}
