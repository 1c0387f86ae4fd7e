//! How long each one took.

use std::time::Duration;

use serde_json::{Value, json};

/// Times of many, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0
            .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those of several clients as one.
    pub(crate) fn merge(all: impl IntoIterator<Item = Self>) -> Self {
        let mut merged: Vec<_> = all.into_iter().flat_map(|each| each.0).collect();
        merged.sort_unstable();
        Self(merged)
    }

    /// Of [merged](Self::merge) ones, in microseconds.
    pub(crate) fn json(&self) -> Value {
        let at = |percent: usize| {
            self.0
                .get((self.0.len() * percent / 100).min(self.0.len().saturating_sub(1)))
        };
        json!({ "p50": at(50), "p90": at(90), "p99": at(99), "max": self.0.last() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_clients_together() {
        let client = |from: u64| {
            let mut latencies = Latencies::default();
            (from..from + 50).for_each(|micros| latencies.push(Duration::from_micros(micros)));
            latencies
        };
        let all = Latencies::merge([client(50), client(0)]);
        assert_eq!(
            all.json(),
            json!({ "p50": 50, "p90": 90, "p99": 99, "max": 99 })
        );
        let none = Latencies::default();
        assert_eq!(none.json().get("p50"), Some(&Value::Null));
    }
}
