//! What is printed, and what it exits with.

use std::io::Cursor;

use super::*;
use crate::history::read;

const CONFIG: &str = include_str!("../../../../config/minimal.toml");

/// The exit code, and what is printed, for a log.
fn replayed(lines: &[&str], json: bool) -> (String, String) {
    let config = Config::from_toml("new.toml", CONFIG).expect("it is right");
    let mut replay = Replay::new(Judge::new(&config));
    let mut tally = Tally::default();
    read(
        "access.log",
        Cursor::new(lines.join("\n")),
        &mut tally,
        |seen| replay.add(seen),
    )
    .expect("it is read");
    let mut out = Vec::new();
    let code = print(&replay, &tally, json, &mut out).expect("memory can be written");
    (format!("{code:?}"), String::from_utf8(out).expect("text"))
}

const SAME: &str = r#"{"time":"2026-11-23T20:27:12.360Z","src.addr":"192.0.2.2:1","dst.addr":"203.0.113.10:443","requested_server_name":"api.example.com","protocol":"tls","verdict":"audit","reason":"host_not_in_registry","bytes_sent":1,"bytes_received":1}"#;
const DENIED: &str = r#"{"time":"2026-11-23T20:27:12.360Z","src.addr":"192.0.2.2:1","src.exe":"/a\u001b[2J","dst.addr":"203.0.113.10:443","requested_server_name":"b.example.com","protocol":"tls","service":"old","verdict":"allow","bytes_sent":1,"bytes_received":1}"#;

#[test]
fn where_nothing_changes_it_says_so_and_exits_with_0() {
    let (code, said) = replayed(&[SAME, SAME], false);
    assert_eq!(code, format!("{:?}", ExitCode::SUCCESS));
    assert_eq!(
        said,
        "2 connections and lookups: 2 the same, 0 now denied, 0 now allowed, 0 moved, 0 not judged\n"
    );
}

#[test]
fn what_changes_is_told_once_for_all_that_are_alike() {
    let (code, said) = replayed(&[DENIED, SAME, DENIED, "{}"], false);
    assert_eq!(code, format!("{:?}", ExitCode::from(EXIT_CHANGED)));
    let row = said.lines().nth(1).expect("a row");
    for part in [
        "2 ",
        "now denied",
        "b.example.com:443 tls",
        "/a\\u{1b}[2J",
        "allow, old",
        "deny: host_not_in_registry",
    ] {
        assert!(row.contains(part), "{part}: {said}");
    }
    assert!(
        said.contains("3 connections and lookups: 1 the same, 2 now denied,"),
        "{said}"
    );
    assert!(
        said.contains("access.log:4: missing field `time`"),
        "{said}"
    );
}

#[test]
fn programs_get_one_object() {
    let (_, said) = replayed(&[DENIED, SAME], true);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let was = serde_json::json!({ "verdict": "allow", "service": "old" });
    let would_be = serde_json::json!({ "verdict": "deny", "reason": "host_not_in_registry" });
    for (pointer, expected) in [
        ("/now_denied", 1.into()),
        ("/same", 1.into()),
        ("/changes/0/name", "b.example.com".into()),
        ("/changes/0/was", was),
        ("/changes/0/would_be", would_be),
    ] {
        assert_eq!(said.pointer(pointer), Some(&expected), "{pointer}");
    }
}
