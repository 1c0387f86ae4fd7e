//! What `--once` prints.

use super::*;
use crate::cli::json::write_json;
use crate::types::is_obeyed;

fn printed(by: By) -> (String, Value) {
    let start = Instant::now();
    let looks = Looks::after(Some(Looks::after(None, look(start, 0))), look(start, 1));
    let table = views::table(by, &looks);
    (once::plain(&table), once::object(by, &looks, &table))
}

#[test]
fn a_table_has_a_heading_and_a_line_for_each_row() {
    let (table, _) = printed(By::Service);
    let words: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        words,
        [
            [
                "SERVICE", "LIVE", "OPENED/s", "DOWN/s", "UP/s", "DOWN", "UP", "OPENED", "FAILED"
            ],
            [
                "api", "2", "3.0/s", "1.50MB/s", "0B/s", "8.50MB", "900B", "13", "0"
            ],
            [
                "packages", "0", "0/s", "0B/s", "0B/s", "80.0MB", "12.3kB", "4", "1"
            ],
            [
                "BlackHoleCluster",
                "0",
                "0/s",
                "0B/s",
                "0B/s",
                "0B",
                "0B",
                "12",
                "12"
            ],
        ]
    );
}

#[test]
fn an_object_has_exact_numbers() {
    let (_, object) = printed(By::Service);
    assert_eq!(object.get("by"), Some(&json!("service")));
    assert_eq!(object.get("interval_s"), Some(&json!(1.0)));
    assert_eq!(object.pointer("/gateway/pid"), Some(&json!(42)));
    let api = object.pointer("/rows/0").expect("a row");
    for (key, value) in [
        ("service", json!("api")),
        ("sent_bytes", json!(8_500_000)),
        ("sent_bytes_per_second", json!(1_500_000.0)),
        ("opened_per_second", json!(3.0)),
    ] {
        assert_eq!(api.get(key), Some(&value), "{key}");
    }
}

#[test]
fn an_object_tells_all_of_a_row_and_leaves_out_what_is_not_known() {
    let (_, object) = printed(By::Denial);
    let allow = object.pointer("/rows/0/allow").and_then(Value::as_str);
    assert!(allow.is_some_and(|toml| toml.starts_with("[[service]]\n")));
    let last = object.pointer("/rows/0/last");
    assert_eq!(last, Some(&json!("2026-11-27T13:05:00.000Z")));
    let second = object.pointer("/rows/1").expect("a row");
    assert_eq!(second.get("dst"), Some(&json!("[2001:db8::66]:25")));
    assert_eq!(second.get("name"), None);
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    for by in By::ALL {
        let start = Instant::now();
        let looks = Looks::after(None, look(start, 0));
        let table = views::table(by, &looks);
        let mut object = Vec::new();
        write_json(&mut object, &once::object(by, &looks, &table)).expect("it is written");
        let object = String::from_utf8(object).expect("text");
        assert_eq!(object.lines().count(), 1);
        for text in [once::plain(&table), object] {
            let bad = |c: char| c != '\n' && is_obeyed(c);
            assert!(!text.contains(bad), "{text:?}");
        }
    }
}

#[test]
fn an_interval_has_a_unit_and_is_neither_too_short_nor_too_long() {
    assert_eq!(interval("1m30s"), Ok(SECOND * 90));
    for wrong in ["1", "", "99ms", "61m", "-1s"] {
        assert!(interval(wrong).is_err(), "{wrong}");
    }
}
