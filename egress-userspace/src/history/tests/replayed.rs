//! What another configuration changes.

use super::*;
use crate::types::DenyReason;

const NEW: &str = r#"
[gateway]
internal = ["10.9.0.0/16"]

[dns]
internal_domains = ["corp.example"]

[[service]]
name = "api"
hosts = ["api.example.com"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "db"
addresses = ["198.51.100.20"]
ports = [{ number = 5432, protocol = "TCP" }]

[[service]]
name = "time"
addresses = ["198.51.100.0/24"]
ports = [{ number = 123, protocol = "UDP" }]

[[service]]
name = "no-time"
deny = true
addresses = ["198.51.100.9"]
ports = [{ number = 123, protocol = "UDP" }]
"#;

/// The fate of a line: how it changes, `same`, or why it is not judged.
fn fate(fields: &str) -> String {
    let mut replay = Replay::new(Judge::new(&config(NEW)));
    replay.add(&seen(fields));
    let mut kinds = replay.changed.keys().map(|kind| kind.label());
    let mut unjudged = replay.unjudged.keys().map(|why| why.label());
    assert_eq!(replay.same + kinds.len() as u64 + unjudged.len() as u64, 1);
    kinds
        .next()
        .or(unjudged.next())
        .unwrap_or("same")
        .to_owned()
}

#[track_caller]
fn assert_fates(before: &str, fates: &[(&str, &str)]) {
    for (rest, expected) in fates {
        assert_eq!(fate(&format!("{before},{rest}")), *expected, "{rest}");
    }
}

const TLS: &str = r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.10:443","protocol":"tls""#;

#[test]
fn what_goes_on_now_and_would_not_then_and_the_other_way_round_is_told() {
    assert_fates(
        TLS,
        &[
            (
                r#""requested_server_name":"api.example.com","verdict":"allow","service":"api""#,
                "same",
            ),
            (
                r#""requested_server_name":"api.example.com","verdict":"audit","reason":"host_not_in_registry""#,
                "same",
            ),
            (
                r#""requested_server_name":"api.example.com","verdict":"deny","reason":"host_not_in_registry""#,
                "now allowed",
            ),
            (
                r#""requested_server_name":"api.example.com","verdict":"allow","service":"old""#,
                "moved",
            ),
            (
                r#""requested_server_name":"api.example.com","verdict":"allow","service":"api","route":"canary""#,
                "moved",
            ),
            (
                r#""requested_server_name":"api.example.com","verdict":"allow""#,
                "same",
            ),
            (
                r#""requested_server_name":"b.example.com","verdict":"allow","service":"b""#,
                "now denied",
            ),
            (
                r#""requested_server_name":"b.example.com","verdict":"audit","reason":"host_not_in_registry""#,
                "now denied",
            ),
            (
                r#""requested_server_name":"b.example.com","verdict":"deny","reason":"port_not_in_registry""#,
                "same",
            ),
        ],
    );
}

#[test]
fn what_dialling_found_is_not_judged_again_unless_it_is_denied_before() {
    assert_fates(
        TLS,
        &[
            (
                r#""requested_server_name":"api.example.com","verdict":"deny","reason":"resolved_address_refused""#,
                "dialled",
            ),
            (
                r#""requested_server_name":"b.example.com","verdict":"audit","reason":"resolved_address_refused""#,
                "now denied",
            ),
        ],
    );
}

#[test]
fn what_was_not_read_is_judged_only_where_no_name_is_asked_for() {
    let direct = r#""verdict":"allow","service":"db""#;
    assert_fates(r#""dst.addr":"198.51.100.20:5432""#, &[(direct, "same")]);
    assert_fates(
        r#""dst.addr":"198.51.100.21:5432""#,
        &[(direct, "now denied")],
    );
    assert_fates(r#""dst.addr":"198.51.100.20:443""#, &[(direct, "unread")]);
}

#[test]
fn what_is_inside_is_not_judged_by_anyone() {
    let denied = r#""protocol":"tcp","verdict":"deny","reason":"port_not_in_registry""#;
    for dst in ["10.9.0.1:9", "127.0.0.1:9", "[::1]:9"] {
        let before = format!(r#""src.addr":"192.0.2.1:1","dst.addr":"{dst}""#);
        assert_fates(&before, &[(denied, "now allowed")]);
    }
}

#[test]
fn datagrams_are_judged_as_the_kernel_does() {
    let denied = r#""verdict":"deny","reason":"datagram_not_in_registry""#;
    for (dst, expected) in [
        ("198.51.100.8:123", "now allowed"),
        ("198.51.100.9:123", "same"),
        ("198.51.100.8:124", "same"),
        ("203.0.113.1:123", "same"),
    ] {
        assert_fates(&format!(r#""dst.addr":"{dst}""#), &[(denied, expected)]);
    }
}

#[test]
fn lookups_are_judged_as_the_forwarder_does() {
    let before = r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.53:53","protocol":"dns""#;
    let verdict = r#""verdict":"audit","reason":"host_not_in_registry""#;
    for (name, expected) in [
        ("api.example.com", "same"),
        ("a.corp.example", "same"),
        ("b.example.com", "now denied"),
    ] {
        assert_fates(
            before,
            &[(
                &format!(r#""requested_server_name":"{name}",{verdict}"#),
                expected,
            )],
        );
    }
}

#[test]
fn where_nothing_is_refused_datagrams_and_lookups_are_not() {
    let open = "[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"\n[dns]\nforwarder = \"off\"\n";
    let mut replay = Replay::new(Judge::new(&config(open)));
    replay.add(&seen(
        r#""dst.addr":"198.51.100.8:123","verdict":"deny","reason":"datagram_not_in_registry""#,
    ));
    assert_eq!(replay.count(Kind::NowAllowed), 1);
    replay.add(&seen(
        r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.53:53","protocol":"dns","requested_server_name":"a.test","verdict":"deny","reason":"host_not_in_registry""#,
    ));
    assert_eq!(replay.unjudged.get(&Unjudged::Lookup), Some(&1));
}

#[test]
fn changes_that_are_alike_are_counted_together_the_most_first() {
    let mut replay = Replay::new(Judge::new(&config(NEW)));
    let denied = |name: &str| {
        seen(&format!(
            r#"{TLS},"src.exe":"/usr/bin/curl","src.cgroup":"/apps","requested_server_name":"{name}","verdict":"audit","reason":"host_not_in_registry""#
        ))
    };
    for name in ["one.example.com", "two.example.com", "two.example.com"] {
        replay.add(&denied(name));
    }
    let groups = replay.groups.sorted();
    let told: Vec<_> = groups
        .iter()
        .map(|(change, count)| (change.subject.to_string(), *count))
        .collect();
    assert_eq!(
        told,
        [("two.example.com".into(), 2), ("one.example.com".into(), 1)]
    );
    let change = groups.first().expect("a group").0;
    assert_eq!(
        change.would_be.reason,
        Some(Reason(DenyReason::HostNotInRegistry))
    );
    assert_eq!(
        (change.exe.as_deref(), change.cgroup.as_deref()),
        (Some("/usr/bin/curl"), Some("/apps"))
    );
}
