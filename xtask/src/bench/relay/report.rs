//! What was measured, for people and for programs.

use serde_json::{Map, Value, json};

use super::super::machine::Machine;
use super::super::summary::Summary;
use super::engine::{BASELINE, ENGINES};
use super::load::{Cost, Row};

/// One row, and what each engine's rounds gave.
#[derive(Debug)]
pub(super) struct Measured {
    row: &'static Row,
    engines: [Rounds; ENGINES.len()],
}

/// One engine's, in the order of the rounds.
#[derive(Debug, Default)]
struct Rounds {
    each: Vec<f64>,
    rate: Vec<f64>,
}

impl Measured {
    pub(super) fn new(row: &'static Row) -> Self {
        Self {
            row,
            engines: Default::default(),
        }
    }

    pub(super) fn row(&self) -> &'static Row {
        self.row
    }

    /// Adds a round of the engine with this place in [`ENGINES`].
    pub(super) fn push(&mut self, engine: usize, cost: Cost) {
        if let Some(rounds) = self.engines.get_mut(engine) {
            rounds.each.push(cost.each);
            rounds.rate.push(cost.rate);
        }
    }

    /// Every engine with its rounds, and those of the one that all are compared with.
    fn compared(&self) -> impl Iterator<Item = (&'static str, &Rounds, &Rounds)> {
        let named = || ENGINES.into_iter().zip(&self.engines);
        let baseline = named().find(|(name, _)| *name == BASELINE);
        named().filter_map(move |(name, rounds)| Some((name, rounds, baseline?.1)))
    }

    /// A table in Markdown, as the documentation has it.
    fn table(&self) -> Vec<String> {
        let [each, rate] = self.row.unit.words();
        let mut lines = vec![
            format!(
                "| {} | {each} | ÷ {BASELINE} | {rate} | ÷ {BASELINE} |",
                self.row.name
            ),
            "|---|--:|--:|--:|--:|".into(),
        ];
        lines.extend(self.compared().map(|(name, rounds, baseline)| {
            let cells = [
                number(Summary::of(&rounds.each).median),
                ratio(Summary::of_ratios(&rounds.each, &baseline.each)),
                number(Summary::of(&rounds.rate).median),
                ratio(Summary::of_ratios(&rounds.rate, &baseline.rate)),
            ];
            format!("| {name} | {} |", cells.join(" | "))
        }));
        lines
    }

    fn json(&self) -> Value {
        let engine = |(name, rounds, baseline): (&str, &Rounds, &Rounds)| {
            let value = json!({
                "cpu": Summary::with_rounds(&rounds.each),
                "rate": Summary::with_rounds(&rounds.rate),
                "cpu_ratio": Summary::of_ratios(&rounds.each, &baseline.each).json(),
                "rate_ratio": Summary::of_ratios(&rounds.rate, &baseline.rate).json(),
            });
            (name.to_owned(), value)
        };
        let engines: Map<_, _> = self.compared().map(engine).collect();
        let [each, rate] = self.row.unit.words();
        json!({
            "name": self.row.name,
            "load": self.row.arguments,
            "units": { "cpu": each, "rate": rate },
            "engines": engines,
        })
    }
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) rounds: u32,
    pub(super) seconds: u32,
    pub(super) rows: Vec<Measured>,
}

impl Report {
    /// A table for each row.
    pub(super) fn tables(&self) -> String {
        let Self {
            machine,
            rounds,
            seconds,
            ..
        } = self;
        let mut lines = vec![format!(
            "Measured on {machine}: medians of {rounds} rounds of {seconds} s; ratios within each round, \
             median (min–max)."
        )];
        for measured in &self.rows {
            lines.push(String::new());
            lines.extend(measured.table());
        }
        lines.join("\n") + "\n"
    }

    /// The same with every number there is.
    pub(super) fn json(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Measured::json).collect();
        let report = json!({
            "machine": self.machine.json(),
            "seconds": self.seconds,
            "baseline": BASELINE,
            "rows": rows,
        });
        format!("{report:#}\n")
    }
}

fn ratio(Summary { median, min, max }: Summary) -> String {
    format!("{median:.2} ({min:.2}–{max:.2})")
}

/// Three digits or so.
fn number(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.3}")
    } else if value < 1_000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::ROWS;
    use super::*;

    #[test]
    fn an_engine_is_compared_with_the_baseline_of_the_same_round() {
        let mut measured = Measured::new(ROWS.first().expect("there are rows"));
        let baseline = ENGINES.iter().position(|name| *name == BASELINE);
        for (each, rate) in [(0.2, 10.0), (0.4, 20.0), (0.3, 10.0)] {
            measured.push(
                0,
                Cost {
                    each: each / 2.0,
                    rate: 15.0,
                },
            );
            measured.push(baseline.expect("it is one of them"), Cost { each, rate });
        }
        let table = measured.table();
        assert_eq!(
            table.get(2).map(String::as_str),
            Some("| auto | 0.150 | 0.50 (0.50–0.50) | 15.0 | 1.50 (0.75–1.50) |")
        );
        assert_eq!(table.len(), 2 + ENGINES.len());
        let ratio = measured.json();
        let ratio = ratio.pointer("/engines/tokio-splice/cpu_ratio/max");
        assert_eq!(ratio, Some(&json!(1.0)));
    }
}
