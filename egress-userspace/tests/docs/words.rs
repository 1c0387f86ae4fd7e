//! Words that the pages use for what is logged and counted are those of the code.

use std::collections::BTreeSet;

use egress_userspace::types::DenyReason;
use serde_json::Value;

use crate::assert_none;
use crate::pages::{self, Page};

/// The page that has every word, as another test shows.
const WORDS: &str = "docs/observability.md";
/// The page that says what to do about each.
const REMEDIES: &str = "docs/troubleshooting.md";

/// Names that begin as the metrics do, and are none: the crate, and the kernel programs.
fn is_program(name: &str) -> bool {
    const KINDS: [&str; 13] = [
        "common",
        "ebpf",
        "userspace",
        "connect",
        "sendmsg",
        "recvmsg",
        "getpeername",
        "packet",
        "socket",
        "sockops",
        "veth",
        "bind",
        "post_bind",
    ];
    KINDS
        .iter()
        .any(|kind| name.trim_start_matches("egress_").starts_with(kind))
}

fn page<'a>(pages: &'a [Page], path: &str) -> &'a Page {
    pages
        .iter()
        .find(|page| page.path == path)
        .expect("the page is there")
}

/// The first cells of the first table after a heading, without their quotes.
fn rows<'a>(page: &'a Page, heading: &str) -> BTreeSet<&'a str> {
    let after = page.text.lines().skip_while(|line| *line != heading);
    let table = after
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let cells = table.skip(2).filter_map(|row| row.split('|').nth(1));
    cells.map(|cell| cell.trim().trim_matches('`')).collect()
}

/// What two lists do not have in common.
fn differences(heading: &str, listed: &BTreeSet<&str>, words: &BTreeSet<&str>) -> Vec<String> {
    let missing = words
        .difference(listed)
        .map(|word| format!("{REMEDIES}, {heading}: no {word}"));
    let strange = listed.difference(words);
    let strange = strange.map(|word| format!("{REMEDIES}, {heading}: {word} is no such word"));
    missing.chain(strange).collect()
}

#[test]
fn every_reason_and_every_end_has_its_remedy() {
    const REASONS: &str = "## Every `reason`";
    const ENDS: &str = "## Every `close_reason`";
    let pages = pages::all();
    let remedies = page(&pages, REMEDIES);
    let reasons = DenyReason::ALL
        .iter()
        .map(|reason| reason.label())
        .collect();
    let ends = rows(page(&pages, WORDS), "### `close_reason`");
    let mut wrong = differences(REASONS, &rows(remedies, REASONS), &reasons);
    wrong.extend(differences(ENDS, &rows(remedies, ENDS), &ends));
    assert_none(&wrong);
}

#[test]
fn every_alert_is_told_of() {
    const ALERTS: &str = "deploy/prometheus/alerts.yaml";
    let pages = pages::all();
    let told = rows(page(&pages, REMEDIES), "## Alerts");
    let text = std::fs::read_to_string(pages::root().join(ALERTS)).expect("the alerts");
    let alerts = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "));
    assert_eq!(told, alerts.collect());
}

#[test]
fn the_page_of_the_admin_api_has_what_its_description_has() {
    const DESCRIPTION: &str = "egress-userspace/src/admin/api/openapi.json";
    let pages = pages::all();
    let listed = rows(page(&pages, "docs/admin.md"), "# The admin API");
    let text = std::fs::read_to_string(pages::root().join(DESCRIPTION)).expect("its description");
    let description: Value = serde_json::from_str(&text).expect("JSON");
    let paths = description.pointer("/paths").and_then(Value::as_object);
    let orders = paths.into_iter().flatten().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        // What all methods of a path have in common stands beside them.
        let methods = methods.filter(|(_, method)| method.get("responses").is_some());
        methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
    });
    let orders: Vec<_> = orders.collect();
    assert_eq!(listed, orders.iter().map(String::as_str).collect());
}

#[test]
fn what_only_strict_mode_stops_is_told_among_the_limits() {
    let pages = pages::all();
    let tried = page(&pages, "docs/bypass.md").text.lines();
    let rows = tried.map(|row| row.split(" | ").collect::<Vec<_>>());
    let by_strict = rows.filter(|row| row.last().is_some_and(|by| by.starts_with("strict mode")));
    let limits = page(&pages, "docs/enforcement.md").text.split("\n## ");
    let limits: String = limits
        .filter(|section| section.starts_with("The limits"))
        .collect();
    let ways: Vec<_> = by_strict
        .filter_map(|row| Some(row.first()?.trim_start_matches("| ").to_owned()))
        .collect();
    assert!(ways.len() > 10, "{ways:?}");
    let untold = ways.iter().filter(|way| !limits.contains(way.as_str()));
    assert_none(
        &untold
            .map(|way| format!("not among the limits: {way}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_metric_that_is_named_is_one() {
    let pages = pages::all();
    let metrics = rows(page(&pages, WORDS), "## Metrics");
    let is_known = |name: &str| {
        let plain = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        metrics.contains(name)
            || plain.is_some_and(|plain| metrics.contains(plain))
            || is_program(name)
    };
    let mut wrong = Vec::new();
    for page in &pages {
        let spans = page.spans.iter().map(|(line, text)| (*line, text.as_str()));
        let blocks = page
            .blocks
            .iter()
            .filter(|block| ["promql", "yaml"].contains(&block.language.as_str()));
        let blocks = blocks.flat_map(|block| (block.line + 1..).zip(block.text.lines()));
        for (line, text) in spans.chain(blocks) {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let unknown = words
                .filter(|word| word.starts_with("egress_") || word.starts_with("istio_"))
                // `istio_*` stands for many.
                .filter(|word| !word.ends_with('_') && !is_known(word));
            wrong.extend(unknown.map(|word| format!("{}: no metric {word}", page.at(line))));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_value_in_json_is_one_and_lines_of_the_log_have_its_fields() {
    let pages = pages::all();
    let fields = rows(page(&pages, WORDS), "## The access log");
    let mut wrong = Vec::new();
    for page in &pages {
        for block in page.blocks.iter().filter(|block| block.language == "json") {
            let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&block.text)
                .into_iter()
                .collect();
            match values {
                Err(error) => wrong.push(format!("{}: {error}", page.at(block.line))),
                Ok(values) => {
                    let lines = values.iter().filter_map(Value::as_object);
                    let lines = lines.filter(|line| line.contains_key("close_reason"));
                    let keys = lines.flat_map(serde_json::Map::keys);
                    let unknown = keys.filter(|key| !fields.contains(key.as_str()));
                    wrong.extend(
                        unknown.map(|key| format!("{}: no field {key}", page.at(block.line))),
                    );
                }
            }
        }
    }
    assert_none(&wrong);
}
