//! What is learned, from lines as the gateway writes them.

mod merged;
mod proposed;
mod random;

use super::*;
use crate::config::{Code, Config, Review};
use crate::history::{Judge, Kind, Replay, Seen, parse};
use crate::types::is_obeyed;

/// A line with these fields and those that always are there.
fn seen(fields: &str) -> Seen {
    let always = r#""time":"2026-11-23T20:27:12.360Z","bytes_sent":10,"bytes_received":2"#;
    parse(format!("{{{always},{fields}}}").as_bytes()).expect("a line")
}

/// A connection by TLS that was let through although no service has the name.
fn tls(name: &str, port: u16) -> Seen {
    seen(&format!(
        r#""src.addr":"192.0.2.1:1","src.exe":"/usr/bin/curl","src.cgroup":"/apps/web","dst.addr":"203.0.113.10:{port}","requested_server_name":"{name}","protocol":"tls","verdict":"audit","reason":"host_not_in_registry""#
    ))
}

/// What is learned from these lines.
fn lesson(lines: &[Seen], settings: Settings, base: Option<&Config>) -> Lesson {
    let mut learner = Learner::new(settings, base);
    for line in lines {
        learner.add(line);
    }
    learner.finish()
}

fn learned(lines: &[Seen]) -> Lesson {
    lesson(lines, Settings::default(), None)
}

/// What is wrong with a text, and what `egress check` warns of.
fn checked(text: &str) -> (Config, Vec<Code>) {
    let review = Review::from_toml("learned.toml", text);
    let review = review.unwrap_or_else(|errors| panic!("{}\n{text}", errors.render(false)));
    let (config, warnings) = review.finish();
    (
        config,
        warnings.iter().map(|warning| warning.code).collect(),
    )
}

/// What a configuration would do with these lines.
fn replayed(lines: &[Seen], config: &Config) -> Replay {
    let mut replay = Replay::new(Judge::new(config));
    for line in lines {
        replay.add(line);
    }
    replay
}

/// The services' names, hosts and addresses, ports: `a: x.example.com, y.example.com on 443 TLS`.
fn services(lesson: &Lesson) -> Vec<String> {
    let one = |service: &Proposed| {
        let hosts = service.hosts.iter().map(|host| host.item.to_string());
        let addresses = service
            .addresses
            .iter()
            .map(|address| address.item.to_string());
        let members: Vec<_> = hosts.chain(addresses).collect();
        let ports: Vec<_> = service
            .ports
            .iter()
            .map(|port| format!("{} {}", port.number, port.speaks.word()))
            .collect();
        format!(
            "{}: {} on {}",
            service.name,
            members.join(", "),
            ports.join(", ")
        )
    };
    lesson.services.iter().map(one).collect()
}

/// Each text of a log is within a comment or a string, and nothing in it is obeyed.
#[track_caller]
fn assert_contained(text: &str, config: &Config) {
    let entries = text.lines().filter(|line| line.starts_with("[[service]]"));
    assert_eq!(entries.count(), config.services.len(), "{text}");
    let obeyed = text.lines().find(|line| line.contains(is_obeyed));
    assert_eq!(obeyed, None);
}

/// A lesson's text is right, without a warning, and denies none of the lines.
#[track_caller]
fn assert_holds(lines: &[Seen]) -> String {
    let text = learned(lines).configuration();
    let (config, warnings) = checked(&text);
    assert_eq!(warnings, [], "{text}");
    assert_contained(&text, &config);
    assert_eq!(replayed(lines, &config).count(Kind::NowDenied), 0, "{text}");
    text
}
