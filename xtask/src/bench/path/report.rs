//! What was measured, for people and for programs.

use serde_json::{Map, Value, json};

use super::super::machine::Machine;
use super::super::summary::Summary;
use super::columns::{Against, Better, COLUMNS, Column};
use super::relay::Relay;
use super::results::Results;

/// All that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) seconds: u32,
    pub(super) congestion_control: String,
    pub(super) versions: Vec<(Relay, String)>,
    pub(super) results: Results,
}

/// The gateway beside one other relay in one column.
struct Comparison {
    title: String,
    with: Relay,
    ratio: Summary,
    better: Better,
    target: f64,
}

impl Report {
    /// Tables in Markdown, as the documentation has them.
    pub(super) fn table(&self) -> String {
        let titles: Vec<_> = COLUMNS.iter().map(|column| column.title).collect();
        let mut lines = vec![
            self.head(),
            String::new(),
            format!("| | {} |", titles.join(" | ")),
            format!("|---|{}", "--:|".repeat(COLUMNS.len())),
        ];
        lines.extend(self.results.relays.iter().map(|relay| self.row(*relay)));
        lines.extend([
            String::new(),
            "| | beside | ratio, median (min–max) | target | |".into(),
            "|---|---|--:|--:|---|".into(),
        ]);
        lines.extend(self.comparisons().iter().map(Comparison::row));
        lines.join("\n") + "\n"
    }

    /// The same with every number there is.
    pub(super) fn json(&self) -> String {
        let versions: Map<_, _> = self
            .versions
            .iter()
            .map(|(relay, version)| (relay.key().to_owned(), json!(version)))
            .collect();
        let comparisons: Vec<_> = self.comparisons().iter().map(Comparison::json).collect();
        let report = json!({
            "machine": self.machine.json(),
            "seconds": self.seconds,
            "congestion_control": self.congestion_control,
            "versions": versions,
            "results": self.results.json(),
            "comparisons": comparisons,
        });
        format!("{report:#}\n")
    }

    fn head(&self) -> String {
        format!(
            "Measured on {}; TCP by {}, each load for {} s.",
            self.machine, self.congestion_control, self.seconds
        )
    }

    fn row(&self, relay: Relay) -> String {
        let version = self.versions.iter().find(|(of, _)| *of == relay);
        let name = match version {
            Some((_, version)) if !relay.is_gateway() => relay.name().replacen(
                relay.product(),
                &format!("{} {version}", relay.product()),
                1,
            ),
            _ => relay.name().to_owned(),
        };
        let cells: Vec<_> = COLUMNS
            .iter()
            .map(|column| {
                let value = self.results.of(relay, column);
                value.map_or_else(|| "–".into(), |value| text(value.median, column.digits))
            })
            .collect();
        format!("| {name} | {} |", cells.join(" | "))
    }

    fn comparisons(&self) -> Vec<Comparison> {
        let by_name = COLUMNS.iter().filter_map(|column| self.by_name(column));
        let by_address = COLUMNS.iter().filter_map(|column| self.by_address(column));
        by_name.chain(by_address).collect()
    }

    fn by_name(&self, column: &Column) -> Option<Comparison> {
        let with = match column.against {
            Against::BestPeer => self.results.best(&Relay::PEERS, column)?,
            Against::One(relay) => relay,
        };
        Some(Comparison {
            title: column.title.into(),
            with,
            ratio: self.results.ratio(Relay::Egress, with, column)?,
            better: column.better,
            target: column.target,
        })
    }

    fn by_address(&self, column: &Column) -> Option<Comparison> {
        let with = Relay::None;
        Some(Comparison {
            title: format!("{}, by address", column.title),
            with,
            ratio: self.results.ratio(Relay::EgressAddress, with, column)?,
            better: column.better,
            target: column.by_address?,
        })
    }
}

impl Comparison {
    fn is_met(&self) -> bool {
        self.better.meets(self.ratio.median, self.target)
    }

    fn row(&self) -> String {
        let Summary { median, min, max } = self.ratio;
        format!(
            "| {} | {} | {median:.2} ({min:.2}–{max:.2}) | {} {} | {} |",
            self.title,
            self.with.name(),
            self.better.sign(),
            self.target,
            if self.is_met() { "met" } else { "not met" },
        )
    }

    fn json(&self) -> Value {
        let Summary { median, min, max } = self.ratio;
        json!({
            "column": self.title,
            "with": self.with.key(),
            "ratio": { "median": median, "min": min, "max": max },
            "target": format!("{} {}", self.better.sign(), self.target),
            "met": self.is_met(),
        })
    }
}

/// A number as a person writes it: so many digits behind the point, thousands apart.
pub(super) fn text(value: f64, digits: usize) -> String {
    let plain = format!("{value:.digits$}");
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::super::columns::{CONNECTIONS, IDLE};
    use super::*;

    fn report() -> Report {
        let relays = [Relay::None, Relay::Egress, Relay::Haproxy, Relay::Envoy];
        let mut results = Results::new(&relays);
        for (round, rates) in [
            [9e3, 4e3, 2e3, 1e3],
            [9e3, 6e3, 5e3, 1e3],
            [9e3, 3e3, 2e3, 1e3],
        ]
        .into_iter()
        .enumerate()
        {
            for (relay, rate) in relays.into_iter().zip(rates) {
                results.push(round, relay, vec![(&CONNECTIONS, rate)]);
            }
        }
        for (relay, memory) in [
            (Relay::Egress, 3.0),
            (Relay::Haproxy, 4.0),
            (Relay::Envoy, 16.0),
        ] {
            results.push(0, relay, vec![(&IDLE, memory)]);
        }
        Report {
            machine: Machine::now().expect("this one can be looked at"),
            seconds: 1,
            congestion_control: "cubic".into(),
            versions: vec![
                (Relay::Haproxy, "2.6.12".into()),
                (Relay::Egress, "0.1.0".into()),
            ],
            results,
        }
    }

    #[test]
    fn a_ratio_is_with_the_best_peer_within_each_round() {
        let table = report().table();
        let rate = "| conn/s | HAProxy | 1.50 (1.20–2.00) | ≥ 1.1 | met |";
        let memory = "| KiB per idle conn | HAProxy | 0.75 (0.75–0.75) | ≤ 0.6 | not met |";
        assert!(table.contains(rate) && table.contains(memory), "{table}");
    }

    #[test]
    fn a_row_has_a_number_or_a_dash_in_each_column() {
        let table = report().table();
        let peer = "| HAProxy 2.6.12 | 2,000 | – | – | – | – | 4.00 | – |";
        let own = "| egress | 4,000 | – | – | – | – | 3.00 | – |";
        assert!(table.contains(peer) && table.contains(own), "{table}");
    }

    #[test]
    fn every_round_is_in_the_json() {
        let json: Value = serde_json::from_str(&report().json()).expect("it is JSON");
        let rounds = json.pointer("/results/relays/egress/connections_per_second/rounds");
        let values = rounds.and_then(Value::as_array).expect("it has rounds");
        let values: Vec<_> = values
            .iter()
            .filter_map(|r| r.pointer("/value")?.as_f64())
            .collect();
        assert_eq!(values, [4e3, 6e3, 3e3]);
    }

    #[test]
    fn thousands_stand_apart() {
        for (value, digits, shown) in [
            (999.4, 0, "999"),
            (1_234_567.0, 0, "1,234,567"),
            (0.345, 2, "0.34"),
            (1_234.5, 1, "1,234.5"),
        ] {
            assert_eq!(text(value, digits), shown);
        }
    }
}
