//! What a right file means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{GOLDEN, MINIMAL, load};
use crate::config::{Config, LogPath, ReadError, RelayMode};
use crate::types::{
    EndpointAddress, HostPattern, Mode, OutboundTrafficPolicy, Protocol, Resolution,
};

fn with(settings: &str) -> Config {
    load("test", &format!("{MINIMAL}\n{settings}"))
}

#[test]
fn words_mean_what_they_say() {
    let config = with("[gateway]\nmode = 'audit'\noutbound_traffic_policy = 'ALLOW_ANY'");
    assert_eq!(config.gateway.mode, Mode::Audit);
    assert_eq!(
        config.gateway.outbound_traffic_policy,
        OutboundTrafficPolicy::AllowAny
    );
    for (word, mode) in [
        ("auto", RelayMode::Auto),
        ("splice", RelayMode::Splice),
        ("copy", RelayMode::Copy),
    ] {
        assert_eq!(with(&format!("[relay]\nmode = '{word}'")).relay.mode, mode);
    }
}

#[test]
fn a_dns_server_has_port_53_unless_it_has_another() {
    let config =
        with("[dns]\nservers = ['192.0.2.1', '192.0.2.1:5353', '2001:db8::1', '[::1]:54']");
    let servers: Vec<_> = config
        .dns
        .servers
        .iter()
        .map(SocketAddr::to_string)
        .collect();
    assert_eq!(
        servers,
        [
            "192.0.2.1:53",
            "192.0.2.1:5353",
            "[2001:db8::1]:53",
            "[::1]:54"
        ]
    );
}

#[test]
fn what_is_off_is_none() {
    let config = with("[relay]\nidle_timeout = '0s'\n[admin]\nmetrics = 'off'");
    assert_eq!(config.relay.idle_timeout, None);
    assert_eq!(config.admin.metrics, None);
    assert!(config.admin.health.is_some());
}

#[test]
fn sizes_are_numbers_of_bytes_or_have_a_unit() {
    for text in ["16_384", "'16KiB'", "0x4000", "'16384B'"] {
        assert_eq!(
            with(&format!("[sniff]\nmax_bytes = {text}"))
                .sniff
                .max_bytes
                .bytes(),
            16384
        );
    }
}

#[test]
fn the_access_log_goes_to_standard_output_or_a_file() {
    assert_eq!(with("").access_log.path, LogPath::Stdout);
    let path = PathBuf::from("/var/log/egress.log");
    let config = with("[access_log]\npath = '/var/log/egress.log'");
    assert_eq!(config.access_log.path, LogPath::File(path));
}

#[test]
fn a_service_is_what_its_entry_says() {
    let config = load("egress.toml", GOLDEN);
    let ledger = config
        .services
        .iter()
        .find(|s| s.name.as_str() == "ledger")
        .expect("the service");
    let line = GOLDEN
        .lines()
        .position(|line| line.contains("\"ledger\""))
        .expect("its line");
    assert_eq!(
        ledger.place.line as usize, line,
        "its header is the line before its name, counted from 1"
    );
    assert_eq!(
        ledger.hosts,
        ["ledger.example.com"
            .parse::<HostPattern>()
            .expect("a pattern")]
    );
    assert_eq!(ledger.resolution, Resolution::Static);
    let port = ledger.ports.first().expect("a port");
    assert_eq!((port.number, port.protocol), (443, Protocol::Tls));
    assert_eq!(
        (port.target_port, port.name.as_deref()),
        (Some(8443), Some("https"))
    );
    let endpoint = ledger.endpoints.last().expect("an endpoint");
    let address = "2001:db8:113::10".parse().expect("an address");
    assert_eq!(endpoint.address, EndpointAddress::Ip(address));
    assert_eq!(endpoint.ports, [("https".to_owned(), 9443)]);
}

#[test]
fn errors_have_their_line_and_column() {
    let text = format!("{MINIMAL}\n[dns]\n'ä' = 1\nattempts = 0");
    let errors = Config::from_toml("test", &text).expect_err("errors");
    let places: Vec<_> = errors
        .iter()
        .map(|error| (error.line, error.column))
        .collect();
    let lines = text.lines().count();
    assert_eq!(places, [(lines - 1, 1), (lines, 12)]);
}

#[test]
fn colour_is_used_only_if_asked_for() {
    let errors = Config::from_toml("test", "").expect_err("errors");
    assert!(errors.render(true).contains('\u{1b}'));
    assert!(!errors.render(false).contains('\u{1b}'));
}

#[test]
fn no_more_than_a_hundred_errors_are_shown() {
    let errors = Config::from_toml("test", &"[[service]]\n".repeat(51)).expect_err("errors");
    assert_eq!(
        errors.iter().len(),
        103,
        "a scope is missing, and from each a name and ports"
    );
    assert!(errors.to_string().ends_with("and 3 more errors"));
}

#[test]
fn a_file_is_read_from_disk() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), MINIMAL).expect("it is written");
    assert_eq!(
        Config::read(file.path())
            .expect("a configuration")
            .services
            .len(),
        1
    );
}

#[test]
fn a_file_that_is_missing_or_too_long_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("missing.toml");
    let error = Config::read(&missing).expect_err("no file").to_string();
    assert!(
        error.contains("missing.toml") && error.contains("No such file"),
        "{error}"
    );

    let long = dir.path().join("long.toml");
    let file = std::fs::File::create(&long).expect("a file");
    file.set_len(super::super::MAX_FILE + 1)
        .expect("a long file");
    let error = Config::read(&long).expect_err("too long");
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[test]
fn durations_are_exact() {
    let config = with("[dns]\nmax_ttl = '1h1m1s'\n[gateway]\ndrain = '0s'");
    assert_eq!(config.dns.max_ttl, Duration::from_secs(3661));
    assert_eq!(config.gateway.drain, Duration::ZERO);
}
