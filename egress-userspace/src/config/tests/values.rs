//! What a right file means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{GOLDEN, MINIMAL, load, with};
use crate::config::{Config, LogPath, ReadError, RelayMode};
use crate::types::{
    ClientTlsMode, Ech, EndpointAddress, HostPattern, ListenerProtocol, LoadBalancer, Mode,
    OnRevoke, OutboundTrafficPolicy, PathPattern, PeerIdentity, Protocol, ProxyProtocol,
    Resolution, Service, Trust,
};

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
fn a_listener_says_who_comes_and_how() {
    let config = load("test", GOLDEN);
    let [pods, forwarders] = config.listeners.as_slice() else {
        panic!("{:?}", config.listeners);
    };
    assert_eq!(pods.address.to_string(), "0.0.0.0:15080");
    assert_eq!(pods.protocol, ListenerProtocol::Connect);
    let PeerIdentity::MutualTls(tls) = &pods.identity else {
        panic!("{pods:?}");
    };
    assert_eq!(tls.trust_domain.as_str(), "cluster.local");
    assert_eq!(forwarders.protocol, ListenerProtocol::Proxy);
    assert_eq!(forwarders.identity, PeerIdentity::Address);
    let peer = forwarders.peers.first().expect("a peer");
    assert_eq!(
        (&*peer.pod.namespace, &*peer.pod.service_account),
        ("batch", "worker")
    );
    assert_eq!(
        peer.closeness("10.0.8.7".parse().expect("an address")),
        Some(24)
    );
    assert_eq!(
        peer.closeness("10.0.9.7".parse().expect("an address")),
        None
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
fn the_access_log_goes_to_standard_output_a_daemon_or_a_file() {
    assert_eq!(with("").access_log.path, LogPath::Stdout);
    for (word, means) in [("syslog", LogPath::Syslog), ("journald", LogPath::Journald)] {
        let config = with(&format!("[access_log]\npath = '{word}'"));
        assert_eq!(config.access_log.path, means);
    }
    let path = PathBuf::from("/var/log/egress.log");
    let config = with("[access_log]\npath = '/var/log/egress.log'");
    assert_eq!(config.access_log.path, LogPath::File(path));
}

#[test]
fn a_fraction_is_a_number_from_0_to_1() {
    for (text, share) in [
        ("0.25", 0.25),
        ("1e-3", 0.001),
        ("1", 1.0),
        ("0", 0.0),
        ("-0.0", 0.0),
    ] {
        let config = with(&format!("[access_log]\nsample = {text}"));
        assert!(
            (config.access_log.sample.share() - share).abs() < f64::EPSILON,
            "{text}"
        );
    }
    for text in ["-0.1", "1.000001", "2", "nan", "inf", "'0.5'", "[]"] {
        let text = format!("{MINIMAL}\n[access_log]\nsample = {text}");
        let errors = Config::from_toml("egress.toml", &text).expect_err(&text);
        let expected: Vec<_> = errors.iter().map(|error| error.expected).collect();
        assert_eq!(expected, ["expected 0.0 to 1.0"], "{text}");
    }
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
    file.set_len(super::super::load::MAX_TEXT + 1)
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

fn golden(name: &str) -> Service {
    let services = load("egress.toml", GOLDEN).services.into_iter();
    let mut named = services.filter(|service| service.name.as_str() == name);
    named.next().expect("the service")
}

#[test]
fn callers_are_who_the_file_says() {
    let payments = golden("payments");
    let [pod, unit, cgroup, user] = payments.from.as_slice() else {
        panic!("four selectors");
    };
    assert_eq!(pod.namespace.as_deref(), Some("shop"));
    assert_eq!(pod.service_account.as_deref(), Some("checkout"));
    assert_eq!(pod.pod_labels, [("app".into(), "checkout".into())]);
    let pattern = |text: &str| text.parse::<PathPattern>().ok();
    assert_eq!(unit.unit, pattern("checkout@*.service"));
    assert_eq!(unit.exe, pattern("/usr/lib/checkout/*"));
    assert_eq!(
        (&cgroup.cgroup, cgroup.uid),
        (&pattern("/batch.slice"), Some(1000))
    );
    assert_eq!(user.uid, Some(0), "root's number");
    assert_eq!(
        (payments.trust, payments.ech),
        (Trust::Verify, Ech::RequireVerifiedIp)
    );
    assert_eq!(payments.on_revoke, OnRevoke::Drain(Duration::from_secs(30)));
    assert!(golden("no-paste").deny && !payments.deny);
}

#[test]
fn a_traffic_policy_is_what_its_table_says() {
    let traffic = golden("billing").traffic;
    assert_eq!(traffic.pool.max_connections, Some(512));
    assert_eq!(traffic.pool.idle_timeout, Some(Duration::from_mins(10)));
    assert_eq!(
        traffic.pool.keepalive.map(|keepalive| keepalive.probes),
        Some(4)
    );
    assert_eq!(
        traffic.outlier.map(|outlier| outlier.max_ejection_percent),
        Some(10)
    );
    assert_eq!(traffic.balancer, LoadBalancer::LeastRequest);
    assert_eq!(traffic.proxy_protocol, Some(ProxyProtocol::V2));
    let tls = traffic.tls.as_ref().expect("TLS");
    assert!(
        matches!(&tls.mode, ClientTlsMode::Mutual { private_key, .. }
        if private_key.ends_with("client.key"))
    );
    assert_eq!(tls.subject_alt_names.len(), 2);
    assert!(golden("api").traffic.tls.is_none());
}

#[test]
fn an_idle_timeout_of_zero_is_not_the_same_as_none() {
    let pool = "[service.traffic_policy.connection_pool.tcp]\nidle_timeout = '0s'";
    let mut services = with(pool).services;
    let service = services.pop().expect("a service");
    assert_eq!(service.traffic.pool.idle_timeout, Some(Duration::ZERO));
}

#[test]
fn a_route_is_what_its_entry_says() {
    let routes = load("egress.toml", GOLDEN).routes;
    let [route] = routes.as_slice() else {
        panic!("one route");
    };
    let [by_name, by_address] = route.matches.as_slice() else {
        panic!("two matches");
    };
    assert_eq!((by_name.sni_hosts.len(), by_name.port), (1, Some(443)));
    assert_eq!(
        (by_address.destination_subnets.len(), by_address.from.len()),
        (1, 1)
    );
    let [api, ledger] = route.destinations.as_slice() else {
        panic!("two destinations");
    };
    assert_eq!(
        (api.service.as_str(), api.port, api.weight),
        ("api", Some(443), 9)
    );
    assert_eq!((ledger.service.as_str(), ledger.weight), ("ledger", 1));
}

#[test]
fn services_that_say_the_same_share_a_policy() {
    let service = |name: &str| {
        format!(
            "[[service]]\nname = '{name}'\nhosts = ['{name}.example']\n\
             ports = [{{ number = 443, protocol = 'TLS' }}]\n\
             traffic_policy = {{ load_balancer = 'RANDOM' }}\n"
        )
    };
    let config = with(&format!("{}{}", service("a"), service("b")));
    let [_, a, b] = config.services.as_slice() else {
        panic!("three services");
    };
    assert!(Arc::ptr_eq(&a.traffic, &b.traffic));
}

#[test]
fn the_kinds_of_entries_may_be_mixed_with_settings() {
    let text = format!(
        "{GOLDEN}\n[[service]]\nname = 'last'\nhosts = ['last.example']\n\
        ports = [{{ number = 443, protocol = 'TLS' }}]\n"
    );
    let line = text.lines().count() - 3;
    let config = load("egress.toml", &text);
    let last = config.services.last().expect("a service");
    assert_eq!(
        (last.name.as_str(), last.place.line as usize),
        ("last", line)
    );
    let route = config.routes.first().expect("a route");
    let line = text
        .lines()
        .position(|line| line == "[[route]]")
        .expect("its line")
        + 1;
    assert_eq!(route.place.line as usize, line);
}
