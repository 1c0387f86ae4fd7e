//! Whatever a log has, what is learned from it is right and denies nothing that was not left out.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const NAMES: [&str; 18] = [
    "example.com",
    "a.example.com",
    "b.example.com",
    "c.example.com",
    "x.a.example.com",
    "y.a.example.com",
    "z.a.example.com",
    "a.co.uk",
    "b.co.uk",
    "c.co.uk",
    "one.cloudfront.net",
    "two.cloudfront.net",
    "three.cloudfront.net",
    "cloudflare-ech.com",
    "unknown",
    "a.internal",
    "_x.test",
    "xn--bcher-kva.example",
];
const ADDRESSES: [&str; 9] = [
    "203.0.113.1",
    "203.0.113.2",
    "198.51.100.7",
    "[2001:db8::1]",
    "[::ffff:203.0.113.9]",
    "10.0.0.1",
    "10.0.0.2",
    "169.254.169.254",
    "127.0.0.1",
];
const PORTS: [u16; 6] = [80, 443, 5432, 8080, 15001, 0];
const REASONS: [&str; 8] = [
    "port_not_in_registry",
    "host_not_in_registry",
    "no_name",
    "address_not_in_registry",
    "sniff_timeout",
    "malformed_tls",
    "resolved_address_refused",
    "ech_denied",
];
const CGROUPS: [&str; 7] = [
    "/apps/a",
    "/apps/b",
    "/",
    "7",
    "/x\\\"]\\n#",
    "/y\\n[[service]]\\u202e\\u009b/z",
    "/sys/fs/cgroup/a",
];

/// The fields of a connection's line.
fn connection() -> impl Strategy<Value = String> {
    let dst = (select(&ADDRESSES[..]), select(&PORTS[..]));
    let protocol = proptest::option::weighted(0.9, select(vec!["tls", "http", "http2", "tcp"]));
    let name = proptest::option::weighted(0.8, select(&NAMES[..]));
    let reason = proptest::option::of(select(&REASONS[..]));
    let caller = (
        select(&CGROUPS[..]),
        select(vec!["/usr/bin/curl", "/a\\n[[service]]"]),
    );
    (dst, protocol, name, reason, caller, any::<bool>()).prop_map(
        |((ip, port), protocol, name, reason, (cgroup, exe), told)| {
            let name = match (protocol, name) {
                (Some("tls" | "http" | "http2"), Some(name)) => {
                    Some(("requested_server_name", name))
                }
                (_, Some(name)) if told => Some(("dns_name", name)),
                _ => None,
            };
            let verdict = reason.map_or("allow", |_| "audit");
            let fields = [
                Some(("src.addr", "192.0.2.1:1")),
                Some(("src.exe", exe)),
                Some(("src.cgroup", cgroup)),
                protocol.map(|protocol| ("protocol", protocol)),
                name,
                Some(("verdict", verdict)),
                reason.map(|reason| ("reason", reason)),
            ];
            let fields = fields.into_iter().flatten();
            let fields = fields.map(|(key, value)| format!(r#""{key}":"{value}""#));
            let dst = format!(r#""dst.addr":"{ip}:{port}""#);
            fields.chain([dst]).collect::<Vec<_>>().join(",")
        },
    )
}

fn lookup() -> impl Strategy<Value = String> {
    select(&NAMES[..]).prop_map(|name| {
        format!(
            r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.53:53","protocol":"dns","requested_server_name":"{name}","verdict":"audit","reason":"host_not_in_registry""#
        )
    })
}

fn log() -> impl Strategy<Value = Vec<Seen>> {
    let line = prop_oneof![9 => connection(), 1 => lookup()];
    proptest::collection::vec(line.prop_map(|fields| seen(&fields)), 0..40)
}

/// What was left out because nothing should be made of it, rather than because it could not be judged.
fn refused(lesson: &Lesson) -> u64 {
    let left = lesson
        .left_out
        .iter()
        .filter(|(why, _)| !matches!(why, LeftOut::Unjudged(_)));
    left.map(|(_, left)| left.count).sum()
}

/// Bytes of no known protocol, on a port on which names are sent too: the one warning that what was seen may need.
fn assert_only_mixed_ports(warnings: &[Code], config: &Config) -> Result<(), TestCaseError> {
    prop_assert!(
        warnings.iter().all(|code| *code == Code::MixedPort),
        "{:?}",
        warnings
    );
    let ports = || config.services.iter().flat_map(|service| &service.ports);
    let mixed = ports().any(|port| {
        port.protocol.family() == "tcp"
            && ports().any(|other| other.number == port.number && other.protocol.sends_name())
    });
    prop_assert_eq!(!warnings.is_empty(), mixed);
    Ok(())
}

/// A configuration that has some of it already, in every way that matters.
const BASE: &str = r#"
[[scope]]
cgroups = ["/apps"]

[gateway]
internal = ["10.0.0.2"]

[[service]]
name = "a.example.com"
hosts = ["a.example.com"]
ports = [{ number = 443, protocol = "TLS" }, { number = 80, protocol = "GRPC" }]

[[service]]
name = "example.com"
deny = true
hosts = ["b.example.com"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "some"
hosts = ["*.a.example.com", "example.com"]
from = [{ cgroup = "/apps/a" }]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "near"
hosts = ["c.example.com"]
addresses = ["203.0.113.2", "10.0.0.1"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "203.0.113.1"
addresses = ["203.0.113.1"]
ports = [{ number = 5432, protocol = "TCP" }, { number = 8080, protocol = "HTTP2" }]
"#;

proptest! {
    #[test]
    fn a_whole_configuration_is_right_and_denies_nothing_that_was_not_left_out(
        log in log(),
        siblings in select(vec![None, Some(1), Some(2), Some(3)]),
    ) {
        let settings = Settings { siblings, ..Settings::default() };
        let lesson = lesson(&log, settings, None);
        let text = lesson.configuration();
        let (config, warnings) = checked(&text);
        assert_contained(&text, &config);
        assert_only_mixed_ports(&warnings, &config)?;
        let replay = replayed(&log, &config);
        prop_assert!(replay.count(Kind::NowDenied) <= refused(&lesson), "{}", text);
    }

    #[test]
    fn a_merged_configuration_is_right_and_denies_nothing_that_was_not_left_out(log in log()) {
        let base = checked(BASE).0;
        let lesson = lesson(&log, Settings::default(), Some(&base));
        let text = lesson.merged(BASE);
        prop_assert!(text.starts_with(BASE));
        let (config, warnings) = checked(&text);
        assert_contained(&text, &config);
        assert_only_mixed_ports(&warnings, &config)?;
        let replay = replayed(&log, &config);
        prop_assert!(replay.count(Kind::NowDenied) <= refused(&lesson), "{}", text);
        // Learned once, it has nothing to add.
        let again = super::lesson(&log, Settings::default(), Some(&config));
        prop_assert_eq!(services(&again), Vec::<String>::new(), "{}", text);
    }

    #[test]
    fn the_order_of_lines_does_not_matter(log in log().prop_shuffle()) {
        let mut sorted = log.clone();
        sorted.reverse();
        prop_assert_eq!(learned(&log).configuration(), learned(&sorted).configuration());
    }
}
