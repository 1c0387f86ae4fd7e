//! `docs/observability.md` has the names that the code has, and so have the dashboard and the alerts.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use super::access_log::Line;
use crate::types::{DenyReason, Place};

const PAGE: &str = include_str!("../../../docs/observability.md");
/// Where metrics get their names, and where connections get the words for how they ended.
const METRICS: [&str; 8] = [
    include_str!("metrics.rs"),
    include_str!("metrics/tcp.rs"),
    include_str!("../app/observe.rs"),
    include_str!("../app/observe/kernel.rs"),
    include_str!("../app/observe/limits.rs"),
    include_str!("../app/observe/pods.rs"),
    include_str!("../app/observe/process.rs"),
    include_str!("../app/observe/readiness.rs"),
];
const ENDINGS: [&str; 4] = [
    include_str!("record/outcome.rs"),
    include_str!("../relay/end.rs"),
    include_str!("../dial/error.rs"),
    include_str!("../conn/stop.rs"),
];
const FLAGS: &str = include_str!("../types/flag.rs");
const KERNEL: &str = include_str!("../../../egress-common/src/counter.rs");

/// How the names of metrics begin.
const FAMILIES: [&str; 3] = ["egress_", "istio_", "process_"];
/// What asks for metrics.
const ASKS: [&str; 2] = [
    include_str!("../../../deploy/grafana/egress.json"),
    include_str!("../../../deploy/prometheus/alerts.yaml"),
];

/// The first cells of the first table after a heading.
fn listed(heading: &str) -> Vec<&'static str> {
    let after = PAGE.lines().skip_while(|line| *line != heading);
    let table = after
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .filter_map(|row| row.split('|').nth(1))
        .map(|cell| cell.trim().trim_matches('`'))
        .collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.into_iter().collect()
}

/// The texts in a source that are one word of a label's characters; its tests are left out.
fn words(source: &str, is: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let texts = code.split('"').skip(1).step_by(2);
    texts.filter(move |text| !text.is_empty() && text.chars().all(is))
}

fn label(char: char) -> bool {
    char.is_ascii_lowercase() || char == '_'
}

#[test]
fn the_fields_of_the_log_are_on_the_page_in_their_order() {
    let took = Some(Duration::ZERO);
    let place = Place::default();
    let addr = "192.0.2.1:1".parse().ok();
    let line = Line {
        time: UNIX_EPOCH.into(),
        conn_id: Some(1),
        src_addr: addr,
        src_pid: Some(1),
        src_exe: Some("x".into()),
        src_uid: Some(1),
        src_cgroup: Some("x".into()),
        src_container: Some("x"),
        src_namespace: Some("x"),
        src_pod: Some("x"),
        src_workload: Some("x"),
        listener: Some("x"),
        dst_addr: addr,
        upstream_addr: addr,
        requested_server_name: Some("x"),
        protocol: Some("x"),
        dns_name: Some("x"),
        service: Some("x"),
        rule: Some(&place),
        route: Some("x"),
        verdict: Some("x"),
        reason: Some(DenyReason::NoName),
        shadow_verdict: Some("x"),
        shadow_reason: Some("x"),
        shadow_service: Some("x"),
        policy_generation: Some(1),
        revoked_by_generation: Some(1),
        bytes_sent: 1,
        bytes_received: 1,
        duration: Duration::ZERO,
        sniff: took,
        resolve: took,
        connect: took,
        close_reason: "x",
        response_flags: "x",
        sample_rate: Some(0.5),
    };
    let mut text = Vec::new();
    line.encode(&mut text);
    let text = String::from_utf8(text).expect("text");
    let fields: Vec<_> = text.split(['{', ',']).skip(1).collect();
    let fields: Vec<_> = fields
        .iter()
        .filter_map(|field| field.split('"').nth(1))
        .collect();
    assert_eq!(listed("## The access log"), fields);
}

#[test]
fn the_reasons_are_on_the_page_with_their_sentences() {
    let reasons: Vec<_> = DenyReason::ALL.iter().map(|r| r.label()).collect();
    assert_eq!(listed("### `reason`"), reasons);
    for reason in DenyReason::ALL {
        let row = format!("| `{}` | {} |", reason.label(), reason.sentence());
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_ways_in_which_connections_end_are_on_the_page() {
    let ends = ENDINGS.iter().flat_map(|source| words(source, label));
    assert_eq!(set(listed("### `close_reason`")), set(ends));
    let flags = words(FLAGS, |char| char.is_ascii_uppercase() || char == '-');
    assert_eq!(set(listed("### `response_flags`")), set(flags));
}

fn is_metric(word: &str) -> bool {
    FAMILIES.iter().any(|family| word.starts_with(family))
}

/// A metric's name without what the registry adds to those of counters, and of facts.
fn plain(name: &str) -> &str {
    name.trim_end_matches("_total").trim_end_matches("_info")
}

#[test]
fn the_metrics_are_on_the_page() {
    let names = METRICS.iter().flat_map(|source| words(source, label));
    let names = names.filter(|name| is_metric(name));
    let kinds = listed("### `kind` of `egress_kernel_total`");
    assert_eq!(set(kinds), set(words(KERNEL, label)));
    let listed = listed("## Metrics");
    let plain = listed.iter().map(|name| plain(name));
    assert_eq!(set(plain), set(names));
    assert_eq!(set(listed.iter().copied()).len(), listed.len());
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_are_there() {
    let listed = set(listed("## Metrics"));
    // A histogram is asked for by its parts.
    let parts = ["_bucket", "_sum", "_count"];
    let is_part = |name: &str| {
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        whole.is_some_and(|whole| listed.contains(whole) && whole.ends_with("_seconds"))
    };
    for text in ASKS {
        let words = text.split(|char: char| !label(char));
        let names = set(words.filter(|word| is_metric(word)));
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(listed.contains(name) || is_part(name), "{name}");
        }
    }
}
