//! What was measured, for people and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::Load;
use super::machine::Machine;
use super::programs::Run;
use super::rows::Row;
use super::summary::Summary;

const PER_MICROSECOND: f64 = 1e3;
/// A program that ran less often than this did so by the way, as for the gateway's own start.
const FEW: u64 = 100;

/// One row, and what each round said of it, in nanoseconds.
#[derive(Debug)]
pub(super) struct Measured {
    row: &'static Row,
    off: Vec<f64>,
    on: Vec<f64>,
}

impl Measured {
    pub(super) fn new(row: &'static Row) -> Self {
        Self {
            row,
            off: Vec::new(),
            on: Vec::new(),
        }
    }

    /// Adds a round.
    pub(super) fn push(&mut self, off: f64, on: f64) {
        self.off.push(off);
        self.on.push(on);
    }

    /// On by off, within each round.
    fn ratio(&self) -> Summary {
        Summary::of_ratios(&self.on, &self.off)
    }

    fn json(&self) -> Value {
        json!({
            "name": self.row.name,
            "load": self.row.load.argument(),
            "off_ns": Summary::with_rounds(&self.off),
            "on_ns": Summary::with_rounds(&self.on),
            "ratio": self.ratio().json(),
        })
    }
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) rounds: usize,
    pub(super) rows: Vec<Measured>,
    pub(super) runs: BTreeMap<String, Run>,
}

impl Report {
    /// Tables in Markdown, as the documentation has them.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![
            format!("Measured on {}: {} rounds.", self.machine, self.rounds),
            String::new(),
            "| one of | off | on | on ÷ off, median (min–max) |".into(),
            "|---|--:|--:|--:|".into(),
        ];
        lines.extend(self.rows.iter().map(line));
        lines.extend([
            String::new(),
            "| program | ns a call | calls |".into(),
            "|---|--:|--:|".into(),
        ]);
        let often = self.runs.iter().filter(|(_, run)| run.calls >= FEW);
        lines.extend(
            often.map(|(name, run)| format!("| `{name}` | {:.0} | {} |", per_call(run), run.calls)),
        );
        lines.join("\n") + "\n"
    }

    /// The same with every number there is.
    pub(super) fn json(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Measured::json).collect();
        let programs: BTreeMap<_, _> = self
            .runs
            .iter()
            .map(|(name, run)| {
                let Run { calls, nanoseconds } = run;
                (name, json!({ "calls": calls, "run_time_ns": nanoseconds }))
            })
            .collect();
        let machine = self.machine.json();
        let report = json!({ "machine": machine, "rows": rows, "programs": programs });
        format!("{report:#}\n")
    }
}

fn line(measured: &Measured) -> String {
    let Summary { median, min, max } = measured.ratio();
    let time = |nanoseconds: &[f64]| {
        let Summary { median, .. } = Summary::of(nanoseconds);
        match measured.row.load {
            Load::Connect => format!("{:.1} µs", median / PER_MICROSECOND),
            Load::Send | Load::SendTo => format!("{median:.0} ns"),
        }
    };
    format!(
        "| {} | {} | {} | {median:.2} ({min:.2}–{max:.2}) |",
        measured.row.name,
        time(&measured.off),
        time(&measured.on),
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run makes millions of calls, far below 2^52"
)]
fn per_call(run: &Run) -> f64 {
    run.nanoseconds / run.calls as f64
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    #[test]
    fn a_ratio_is_of_the_two_halves_of_one_round() {
        let mut measured = Measured::new(ROWS.first().expect("there are rows"));
        for (off, on) in [(1_000.0, 2_000.0), (4_000.0, 4_000.0), (2_000.0, 3_000.0)] {
            measured.push(off, on);
        }
        let line = line(&measured);
        assert!(
            line.ends_with("| 2.0 µs | 3.0 µs | 1.50 (1.00–2.00) |"),
            "{line}"
        );
    }

    #[test]
    fn a_program_that_hardly_ran_is_not_shown_but_kept() {
        let run = |calls| Run {
            calls,
            nanoseconds: 50_000.0,
        };
        let runs = BTreeMap::from([("rare".into(), run(1)), ("often".into(), run(500))]);
        let report = Report {
            machine: Machine::now().expect("this one can be looked at"),
            rounds: 0,
            rows: Vec::new(),
            runs,
        };
        let table = report.table();
        assert!(table.ends_with("| `often` | 100 | 500 |\n"), "{table}");
        assert!(!table.contains("rare"), "{table}");
        assert!(report.json().contains("\"rare\""));
    }
}
