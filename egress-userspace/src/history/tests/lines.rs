//! What is read, what is refused, and what can be asked.

use proptest::prelude::*;

use super::*;
use crate::types::{Claim, DenyReason};

#[test]
fn a_line_is_read_as_it_was_written() {
    let text = r#""conn_id":2,"src.addr":"192.0.2.2:57608","src.pid":15073,"src.exe":"/usr/bin/curl","src.uid":7,"src.cgroup":"/apps/a","dst.addr":"203.0.113.10:443","upstream.addr":"[2001:db8:1::10]:443","requested_server_name":"api.example.com","protocol":"tls","service":"api","rule":"egress.toml:70","route":"canary","verdict":"allow","policy_generation":1,"duration_ms":7.869,"of_a_newer_version":{"a":[1]}"#;
    let seen = seen(text);
    assert_eq!(
        seen.dst.expect("a destination").to_string(),
        "203.0.113.10:443"
    );
    assert_eq!(seen.caller.cgroup_path.as_deref(), Some("/apps/a"));
    assert_eq!((seen.caller.pid, seen.caller.uid), (15073, 7));
    assert_eq!(seen.spoken, Some(Spoken::Tls));
    assert_eq!(seen.name.expect("a name").as_str(), "api.example.com");
    assert_eq!(
        (seen.service.as_deref(), seen.route.as_deref()),
        (Some("api"), Some("canary"))
    );
    assert_eq!(seen.decided, Some(Decided::Allow));
    assert!(seen.connected && !seen.by_kernel);
    assert_eq!((seen.bytes_sent, seen.bytes_received), (1, 2));
}

#[test]
fn what_is_no_line_is_refused_with_the_field() {
    for (fields, why) in [
        (r#""verdict":"maybe""#, r#"`verdict` is "maybe""#),
        (r#""verdict":"deny""#, "`reason` is missing"),
        (
            r#""verdict":"deny","reason":"whim""#,
            r#"`reason` is "whim""#,
        ),
        (
            r#""verdict":"allow","reason":"no_name""#,
            "`verdict` is not for the reason no_name",
        ),
        (
            r#""dst.addr":"203.0.113.10""#,
            r#"`dst.addr` is "203.0.113.10""#,
        ),
        (
            r#""requested_server_name":"a b""#,
            r#"`requested_server_name` is "a b""#,
        ),
        (r#""dns_name":"\u001b[2J""#, r#"`dns_name` is "\u{1b}[2J""#),
        (r#""protocol":"quic""#, r#"`protocol` is "quic""#),
        (r#""src.cgroup":"apps""#, r#"`src.cgroup` is "apps""#),
        (
            r#""time":"2026-11-23T20:27:12.360Z""#,
            "duplicate field `time`",
        ),
        (r#""src.pid":-1"#, "invalid value: integer `-1`"),
    ] {
        let error = parse(&line(fields)).expect_err(fields).to_string();
        assert!(error.starts_with(why), "{fields}: {error}");
    }
    for (field, length) in [
        ("src.exe", 12_289),
        ("src.cgroup", 12_289),
        ("service", 254),
        ("route", 254),
    ] {
        let text = format!("/{}", "x".repeat(length - 1));
        let error = parse(&line(&format!(r#""{field}":"{text}""#))).expect_err(field);
        assert_eq!(error, Malformed::Value(field, "too long".into()));
        let shorter = format!(
            r#""{field}":"{}""#,
            text.get(1..)
                .map(|rest| rest.replacen('x', "/", 1))
                .expect("longer")
        );
        assert!(parse(&line(&shorter)).is_ok(), "{field}");
    }
    let long = format!(r#""protocol":"{}""#, "\u{2028}".repeat(10_000));
    assert!(parse(&line(&long)).expect_err("wrong").to_string().len() < 2_000);
}

proptest! {
    #[test]
    fn nothing_that_is_read_makes_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut tally = Tally::default();
        read("log", &bytes[..], &mut tally, |_| {}).expect("memory can be read");
        prop_assert_eq!(tally.malformed, tally.lines);
    }

    #[test]
    fn a_value_of_any_kind_is_read_or_refused(
        field in "src\\.(pid|exe|uid|cgroup)|dst\\.addr|requested_server_name|protocol|dns_name|verdict|reason",
        value in prop_oneof![
            Just("null".to_owned()), Just("[]".into()), Just("1e400".into()), Just("true".into()),
            any::<i64>().prop_map(|number| number.to_string()),
            ".{0,40}".prop_map(|text| serde_json::Value::from(text).to_string()),
        ],
    ) {
        if let Err(error) = parse(&line(&format!("\"{field}\":{value}"))) {
            prop_assert!(!error.to_string().contains(crate::types::is_obeyed), "{error}");
        }
    }
}

#[test]
fn the_first_wrong_lines_are_told_with_their_numbers() {
    let mut text = line(r#""verdict":"allow""#);
    text.extend_from_slice(b"\nnot json\n");
    for _ in 0..10 {
        text.extend_from_slice(b"{}\n");
    }
    let mut tally = Tally::default();
    let mut count = 0;
    read("access.log", &text[..], &mut tally, |_| count += 1).expect("it is read");
    assert_eq!((count, tally.lines, tally.malformed), (1, 12, 11));
    let first: Vec<_> = tally
        .first
        .iter()
        .map(|told| (told.log.as_str(), told.line))
        .collect();
    assert_eq!(
        first,
        (2..7).map(|line| ("access.log", line)).collect::<Vec<_>>()
    );
}

/// Why nothing can be asked; `None` if something can.
fn unjudged(fields: &str) -> Option<Unjudged> {
    seen(fields).question().err()
}

#[test]
fn what_no_policy_can_be_asked_about_is_told_apart() {
    let dst = r#""dst.addr":"203.0.113.10:443","src.addr":"192.0.2.1:1""#;
    let kernel = r#""dst.addr":"203.0.113.10:443""#;
    for (fields, expected) in [
        (dst.to_owned(), Unjudged::Undecided),
        (
            r#""src.addr":"192.0.2.1:1","verdict":"allow""#.into(),
            Unjudged::Undecided,
        ),
        (
            format!(r#"{kernel},"verdict":"deny","reason":"packet_not_in_registry""#),
            Unjudged::Kernel,
        ),
        (
            r#""verdict":"deny","reason":"socket_kind""#.into(),
            Unjudged::Kernel,
        ),
        (
            format!(r#"{kernel},"verdict":"audit","reason":"connected_before""#),
            Unjudged::Before,
        ),
        (
            format!(r#"{dst},"verdict":"deny","reason":"limit_connections""#),
            Unjudged::Early,
        ),
        (
            format!(
                r#"{dst},"verdict":"audit","reason":"host_not_in_registry","service":"a","protocol":"http""#
            ),
            Unjudged::Later,
        ),
        (
            format!(r#"{dst},"verdict":"deny","reason":"misdirected_request","protocol":"http""#),
            Unjudged::Later,
        ),
        (
            format!(
                r#"{dst},"upstream.addr":"203.0.113.10:80","verdict":"deny","reason":"request_smuggling","protocol":"http""#
            ),
            Unjudged::Later,
        ),
        (
            format!(r#"{dst},"protocol":"dns","verdict":"allow""#),
            Unjudged::Lookup,
        ),
        (
            format!(
                r#"{dst},"protocol":"dns","requested_server_name":"a.b","verdict":"deny","reason":"resolver_not_approved""#
            ),
            Unjudged::Lookup,
        ),
        (
            format!(
                r#"{dst},"protocol":"dns","requested_server_name":"a b","verdict":"deny","reason":"host_not_in_registry""#
            ),
            Unjudged::Lookup,
        ),
    ] {
        assert_eq!(unjudged(&fields), Some(expected), "{fields}");
    }
    let datagram = format!(r#"{kernel},"verdict":"deny","reason":"datagram_not_in_registry""#);
    assert!(matches!(
        seen(&datagram).question(),
        Ok(Question::Datagram(_))
    ));
    let later = format!(
        r#"{dst},"upstream.addr":"203.0.113.10:80","verdict":"deny","reason":"host_not_in_registry","requested_server_name":"b.c","protocol":"http""#
    );
    assert_eq!(
        unjudged(&later),
        None,
        "of a refused later request the name is told"
    );
}

#[test]
fn what_breaks_a_rule_is_malformed_only_where_that_is_known() {
    let claim = |rest: &str| {
        let fields = format!(r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.10:443",{rest}"#);
        let seen = seen(&fields);
        match seen.question() {
            Ok(Question::Connection(connection)) => connection.claim,
            other => panic!("{other:?}"),
        }
    };
    let malformed = r#""protocol":"tcp","verdict":"deny","reason":"malformed_tls""#;
    assert_eq!(claim(malformed), Claim::Malformed(DenyReason::MalformedTls));
    let other = r#""protocol":"tcp","verdict":"deny","reason":"port_not_in_registry""#;
    assert_eq!(claim(other), Claim::Opaque);
    let ech =
        r#""protocol":"tls","requested_server_name":"a.b","verdict":"audit","reason":"ech_denied""#;
    assert!(matches!(claim(ech), Claim::Tls(tls) if tls.ech));
}
