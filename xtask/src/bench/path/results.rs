//! Every number of every round.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::super::summary::{Summary, median};
use super::columns::{Better, COLUMNS, Column};
use super::measure;
use super::relay::Relay;
use crate::workspace::say;

/// By round, relay and column.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) relays: Vec<Relay>,
    values: BTreeMap<(Relay, &'static str, usize), f64>,
    failures: Vec<String>,
}

impl Results {
    pub(super) fn new(relays: &[Relay]) -> Self {
        Self {
            relays: relays.to_vec(),
            values: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// What a relay gave in a round.
    pub(super) fn push(&mut self, round: usize, relay: Relay, values: Vec<measure::Value>) {
        for (column, value) in values {
            say(&format!(
                "    {}: {value:.*}",
                column.title,
                column.digits.max(1)
            ));
            self.values.insert((relay, column.key, round), value);
        }
    }

    /// That it gave nothing.
    pub(super) fn fail(&mut self, round: usize, relay: Relay, error: &anyhow::Error) {
        let failure = format!("round {}: {}: {error:#}", round + 1, relay.key());
        say(&failure);
        self.failures.push(failure);
    }

    /// An error that names whatever failed.
    pub(super) fn failures(&self) -> Result<()> {
        if !self.failures.is_empty() {
            bail!("not all was measured:\n{}", self.failures.join("\n"));
        }
        Ok(())
    }

    /// What the rounds gave, if any did.
    pub(super) fn of(&self, relay: Relay, column: &Column) -> Option<Summary> {
        summary(self.rounds(relay, column).map(|(_, value)| value))
    }

    /// One relay by another, within each round that has both.
    pub(super) fn ratio(&self, one: Relay, other: Relay, column: &Column) -> Option<Summary> {
        let others: BTreeMap<_, _> = self.rounds(other, column).collect();
        let ratio = |(round, value)| Some(value / others.get(&round)?);
        summary(self.rounds(one, column).filter_map(ratio))
    }

    /// Whose median is best.
    pub(super) fn best(&self, relays: &[Relay], column: &Column) -> Option<Relay> {
        let medians = relays
            .iter()
            .filter_map(|relay| Some((*relay, self.of(*relay, column)?.median)));
        let better = medians.min_by(|(_, a), (_, b)| match column.better {
            Better::More => b.total_cmp(a),
            Better::Less => a.total_cmp(b),
        });
        better.map(|(relay, _)| relay)
    }

    /// Every number.
    pub(super) fn json(&self) -> Value {
        let relays = self.relays.iter().map(|relay| {
            let columns: Map<_, _> = COLUMNS
                .iter()
                .map(|column| {
                    let each: Vec<_> = self.rounds(*relay, column).collect();
                    let values: Vec<_> = each.iter().map(|(_, value)| *value).collect();
                    let median = (!values.is_empty()).then(|| median(&values));
                    let rounds: Vec<_> = each
                        .iter()
                        .map(|(round, value)| json!({ "round": round + 1, "value": value }))
                        .collect();
                    let column_json = json!({ "median": median, "rounds": rounds });
                    (column.key.to_owned(), column_json)
                })
                .collect();
            (relay.key().to_owned(), Value::Object(columns))
        });
        let relays: Map<_, _> = relays.collect();
        json!({ "relays": relays, "failures": self.failures })
    }

    fn rounds(&self, relay: Relay, column: &Column) -> impl Iterator<Item = (usize, f64)> {
        let range = (relay, column.key, 0)..=(relay, column.key, usize::MAX);
        self.values
            .range(range)
            .map(|((_, _, round), value)| (*round, *value))
    }
}

fn summary(values: impl Iterator<Item = f64>) -> Option<Summary> {
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| Summary::of(&values))
}
