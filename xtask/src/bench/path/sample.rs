//! What the gateway holds at one moment, and how that may change over many.

use std::fs;

use anyhow::{Context as _, Result, bail};
use egress_tests::Metrics;
use serde_json::{Value, json};

/// An allocator keeps what it needed at the busiest moment, and rarely twice as much for as many
/// connections. A leak of 16 bytes a connection would be more than this after 10 minutes.
const MEMORY_GROWTH_KIB: f64 = 16.0 * 1024.0;
/// The metrics page is asked for over a connection of its own: two samples may differ by as much.
const DESCRIPTOR_SLACK: u64 = 2;
/// The ends of a pipe.
const DESCRIPTORS_PER_PIPE: u64 = 2;

/// One look.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    pub(super) memory_kib: f64,
    pub(super) descriptors: u64,
    /// Live ones.
    pub(super) connections: u64,
    pub(super) pipes_in_use: u64,
    pub(super) pipes_pooled: u64,
}

/// A whole soak.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) connections: u64,
    pub(super) seconds: f64,
    pub(super) before: Sample,
    pub(super) during: Vec<Sample>,
    pub(super) after: Sample,
}

impl Sample {
    pub(super) fn take(
        seconds: f64,
        memory_kib: f64,
        gateway: u32,
        metrics: String,
    ) -> Result<Self> {
        let metrics = Metrics::new(metrics);
        let directory = format!("/proc/{gateway}/fd");
        let descriptors = fs::read_dir(&directory)
            .with_context(|| format!("cannot read {directory}"))?
            .count();
        let pipes = |state| metrics.sum("egress_relay_pipes", &[("state", state)]);
        Ok(Self {
            seconds,
            memory_kib,
            descriptors: descriptors as u64,
            connections: metrics.sum("egress_connections", &[]),
            pipes_in_use: pipes("in_use"),
            pipes_pooled: pipes("pooled"),
        })
    }

    /// For who waits.
    pub(super) fn line(&self) -> String {
        format!(
            "    {:4.0} s: {:.1} MiB, {} descriptors, {} connections, {} pipes in use, {} pooled",
            self.seconds,
            self.memory_kib / 1024.0,
            self.descriptors,
            self.connections,
            self.pipes_in_use,
            self.pipes_pooled
        )
    }

    /// Descriptors without those of pipes that wait to be used again, which the pool bounds.
    fn without_pipes(&self) -> u64 {
        let pipes = self.pipes_in_use + self.pipes_pooled;
        self.descriptors
            .saturating_sub(pipes * DESCRIPTORS_PER_PIPE)
    }

    fn json(&self) -> Value {
        json!({
            "seconds": self.seconds,
            "memory_kib": self.memory_kib,
            "descriptors": self.descriptors,
            "connections": self.connections,
            "pipes_in_use": self.pipes_in_use,
            "pipes_pooled": self.pipes_pooled,
        })
    }
}

impl Report {
    /// In Markdown.
    pub(super) fn table(&self) -> String {
        let row = |name: &str, pick: &dyn Fn(&Sample) -> f64, digits: usize| {
            let during: Vec<_> = self.during.iter().map(pick).collect();
            let cell = |value: Option<f64>| {
                value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
            };
            format!(
                "| {name} | {} | {} | {} | {} | {} |\n",
                cell(Some(pick(&self.before))),
                cell(during.first().copied()),
                cell(during.last().copied()),
                cell(during.iter().copied().reduce(f64::max)),
                cell(Some(pick(&self.after)))
            )
        };
        format!(
            "{} connections in {:.0} s, {} samples.\n\n\
             | the gateway's | before | first | last | most | after |\n|---|--:|--:|--:|--:|--:|\n{}{}{}{}",
            self.connections,
            self.seconds,
            self.during.len(),
            row("memory, MiB", &|s| s.memory_kib / 1024.0, 1),
            row("descriptors", &|s| count(s.descriptors), 0),
            row("pipes in use", &|s| count(s.pipes_in_use), 0),
            row("pipes pooled", &|s| count(s.pipes_pooled), 0),
        )
    }

    /// With every sample.
    pub(super) fn json(&self) -> String {
        let during: Vec<_> = self.during.iter().map(Sample::json).collect();
        let report = json!({
            "connections": self.connections,
            "seconds": self.seconds,
            "before": self.before.json(),
            "during": during,
            "after": self.after.json(),
        });
        format!("{report:#}\n")
    }

    /// An error if anything grew.
    pub(super) fn verdict(&self) -> Result<()> {
        if let (Some(first), Some(last)) = (self.during.first(), self.during.last()) {
            let grown = last.memory_kib - first.memory_kib;
            if grown > MEMORY_GROWTH_KIB {
                bail!(
                    "memory grew by {:.1} MiB under the same load",
                    grown / 1024.0
                );
            }
        }
        let [before, after] = [&self.before, &self.after].map(Sample::without_pipes);
        if before.abs_diff(after) > DESCRIPTOR_SLACK {
            bail!("{before} descriptors before and {after} after, beside those of the pipes");
        }
        if self.after.pipes_in_use > 0 {
            bail!("{} pipes are in use by nobody", self.after.pipes_in_use);
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn count(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(memory_kib: f64, descriptors: u64, pipes_pooled: u64) -> Sample {
        Sample {
            seconds: 0.0,
            memory_kib,
            descriptors,
            connections: 0,
            pipes_in_use: 0,
            pipes_pooled,
        }
    }

    fn report(last: Sample, after: Sample) -> Report {
        Report {
            connections: 1,
            seconds: 1.0,
            before: sample(1_000.0, 50, 0),
            during: vec![sample(1_000.0, 900, 4), sample(3_072.0, 950, 4), last],
            after,
        }
    }

    #[test]
    fn what_stays_the_same_is_no_leak_and_pooled_pipes_are_none() {
        let flat = report(sample(2_048.0, 900, 4), sample(1_000.0, 58, 4));
        assert!(flat.verdict().is_ok());
        let row = "| memory, MiB | 1.0 | 1.0 | 2.0 | 3.0 | 1.0 |\n";
        assert!(flat.table().contains(row), "{}", flat.table());
    }

    #[test]
    fn what_grows_is_named() {
        let memory = report(sample(18_000.0, 900, 4), sample(1_000.0, 50, 0));
        let descriptors = report(sample(2_000.0, 900, 4), sample(1_000.0, 58, 0));
        for (leak, word) in [(memory, "memory"), (descriptors, "58 after")] {
            let error = leak.verdict().expect_err("it grew").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
