//! The view, its order, and its pictures: what is on the screen is in `tests/*.txt`.
//!
//! `UPDATE_CASES=1 cargo nextest run cli::top::tests` writes what is drawn now.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::keys::Then;
use super::look::{Look, Looks};
use super::screen::Screen;
use super::sort::{Sort, matches};
use super::table::Kind;
use super::view::Focus;
use super::*;
use crate::cli::ask::AskError;

mod order;
mod pictures;
mod printed;
mod typed;

const SECOND: Duration = Duration::from_secs(1);

/// A look in which a second more or less has passed since the first; text in it is as bad as it can be.
fn look(at: Instant, seconds: u64) -> Look {
    let (sent, opened) = (1_500_000 * seconds, 3 * seconds);
    Look {
        at: at + SECOND * u32::try_from(seconds).expect("few seconds"),
        status: from(json!({
            "version": "0.1.0", "pid": 42, "readiness": "ready", "mode": "enforce",
            "started": "2026-11-27T13:02:29.000Z", "policy_generation": 3, "services": 12,
            "config": "/etc/egress/egress.toml", "log_level": "info",
            "connections": {"now": 2, "limit": 8192, "accepted": 100},
            "kernel": {"lacking": [], "counters": {"redirected": 5}},
        })),
        services: from(json!({"services": [
            {"service": "api", "live": 2, "opened": 10 + opened, "closed": 8, "failed": 0,
             "sent_bytes": 7_000_000 + sent, "received_bytes": 900},
            {"service": "packages", "live": 0, "opened": 4, "closed": 4, "failed": 1,
             "sent_bytes": 80_000_000, "received_bytes": 12_345},
            {"service": "BlackHoleCluster", "live": 0, "opened": 12, "closed": 12, "failed": 12,
             "sent_bytes": 0, "received_bytes": 0},
        ]})),
        connections: from(json!({"total": 2, "connections": [
            {"id": 7, "client": "192.0.2.2:5000", "dst": "203.0.113.10:443",
             "upstream": "[2001:db8:1::10]:443", "name": "api.example.com", "protocol": "tls",
             "service": "api", "rule": "egress.toml:7", "verdict": "allow",
             "caller": {"pid": 1, "uid": 0, "exe": "/usr/bin/curl", "cgroup": "/apps.slice"},
             "age_ms": 2_000 + 1_000 * seconds, "bytes_sent": sent, "bytes_received": 900,
             "policy_generation": 3},
            {"id": 12, "client": "192.0.2.2:5001", "dst": "203.0.113.10:443",
             "name": "api.example.com", "protocol": "tls", "service": "api",
             "caller": {"pid": 2, "uid": 0, "exe": "/tmp/\u{1b}[2J\u{1b}]0;owned\u{7}",
                        "cgroup": "/apps.slice/\u{202e}evil"},
             "age_ms": 300, "bytes_sent": 10, "bytes_received": 20, "policy_generation": 3},
        ]})),
        denials: from(json!({"total": 12 + seconds, "evicted": 0, "denied": [
            {"name": "evil.example", "address": "203.0.113.66", "port": 443, "protocol": "tls",
             "reason": "host_not_in_registry", "meaning": "this name is not in the registry",
             "verdict": "deny", "cgroup": "/apps.slice", "exe": "/usr/bin/curl",
             "count": 11 + seconds, "first": "2026-11-27T13:00:00.000Z",
             "last": "2026-11-27T13:05:00.000Z",
             "allow": "[[service]]\nname = \"evil\"\nhosts = [\"evil.example\"]"},
            {"address": "2001:db8::66", "port": 25, "reason": "address_not_in_registry",
             "meaning": "this address is not in the registry", "verdict": "audit", "count": 1,
             "first": "2026-11-27T13:01:00.000Z", "last": "2026-11-27T13:01:00.000Z"},
        ]})),
    }
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an answer of the API")
}

/// After two looks, a second apart.
fn looked(by: By) -> (View, Instant) {
    let start = Instant::now();
    let mut view = View::new(by, SECOND);
    for seconds in [0, 1] {
        let look = look(start, seconds);
        let now = look.at;
        view.saw(Ok(look), now);
    }
    (view, start + SECOND)
}

fn unreachable() -> AskError {
    AskError::Unreachable {
        socket: "/run/egress/admin.sock".into(),
        error: io::ErrorKind::ConnectionRefused.into(),
    }
}

fn press(view: &mut View, key: KeyCode) -> Then {
    view.press(KeyEvent::new(key, KeyModifiers::NONE))
}

fn type_in(view: &mut View, text: &str) {
    for c in text.chars() {
        press(view, KeyCode::Char(c));
    }
}

/// What the first column of each row says.
fn first_column(view: &View) -> Vec<String> {
    let rows = view.table.rows.iter();
    rows.filter_map(|row| Some(row.cells.first()?.show()))
        .collect()
}
