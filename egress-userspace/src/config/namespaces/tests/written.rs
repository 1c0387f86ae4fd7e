//! Files that a namespace may write, right ones and wrong ones.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const HOSTS: [&str; 9] = [
    "*.example.com",
    "*.com",
    "a.example.com",
    "strict.example.com",
    "denied.example.com",
    "others.example.com",
    "ledger.corp.example",
    "example.com",
    "evil.example",
];

const NETS: [&str; 7] = [
    "203.0.113.0/24",
    "203.0.113.7/32",
    "203.0.113.200/32",
    "203.0.112.0/23",
    "10.20.0.0/25",
    "10.0.0.0/8",
    "169.254.169.254/32",
];

const PORTS: [(u16, &str); 6] = [
    (443, "TLS"),
    (443, "TCP"),
    (80, "HTTP"),
    (5432, "TCP"),
    (5432, "TLS"),
    (22, "TCP"),
];

/// What a namespace may say of its callers, or nothing.
const FROM: [&str; 3] = [
    "",
    "from = [{ service_account = \"clerk\" }]",
    "from = [{ pod_labels = { app = \"shop\" } }, { service_account = \"clerk\" }]",
];

/// What it may not say.
const REFUSED: [&str; 5] = [
    "from = [{ namespace = \"team-b\" }]",
    "deny = true",
    "location = \"MESH_INTERNAL\"",
    "trust = \"original\"",
    "endpoints = [{ address = \"10.0.0.1\" }]",
];

/// Hosts, networks and ports.
type Found = (
    Vec<&'static str>,
    Vec<&'static str>,
    Vec<(u16, &'static str)>,
);

/// What is within a ceiling.
fn within() -> impl Strategy<Value = Found> {
    let below: Vec<_> = HOSTS.into_iter().filter(|host| is_below(host)).collect();
    let inside: Vec<_> = NETS
        .into_iter()
        .filter(|net| net.starts_with("203.0.113"))
        .collect();
    let (tls, http, tcp) = ((443, "TLS"), (80, "HTTP"), (5432, "TCP"));
    prop_oneof![
        subsequence(below, 1..=2).prop_map(move |hosts| (hosts, vec![], vec![tls])),
        (
            subsequence(inside, 1..=2),
            subsequence(vec![tcp, tls], 1..=2)
        )
            .prop_map(|(nets, ports)| (vec![], nets, ports)),
        subsequence(vec![tcp, http], 1..=2).prop_map(|ports| (
            vec!["ledger.corp.example"],
            vec!["10.20.0.0/25"],
            ports
        )),
    ]
}

fn anything() -> impl Strategy<Value = Found> {
    (
        subsequence(HOSTS.to_vec(), 0..=2),
        subsequence(NETS.to_vec(), 0..=2),
        subsequence(PORTS.to_vec(), 1..=2),
    )
}

/// What is within a ceiling, or more than that in one of its parts or all.
fn found() -> impl Strategy<Value = Found> {
    (within(), anything(), 0..8_u8).prop_map(|(within, anything, beyond)| match beyond {
        0 => anything,
        1 => (anything.0, within.1, within.2),
        2 => (within.0, anything.1, within.2),
        3 => (within.0, within.1, anything.2),
        _ => within,
    })
}

/// A service that mostly makes sense.
fn a_service() -> impl Strategy<Value = String> {
    let more = prop_oneof![15 => select(FROM.to_vec()), 1 => select(REFUSED.to_vec())];
    let resolutions = select(vec!["NONE", "DNS", "DYNAMIC_DNS", "STATIC"]);
    let drawn = (found(), resolutions, prop::bool::weighted(0.1), more);
    drawn.prop_map(|((hosts, nets, ports), resolution, anyhow, more)| {
        let is_wild = hosts.iter().any(|host| host.starts_with('*'));
        let resolution = match resolution {
            any if anyhow => any,
            _ if hosts.is_empty() => "NONE",
            "DNS" if is_wild => "DYNAMIC_DNS",
            "STATIC" => "NONE",
            other => other,
        };
        let ports = ports
            .iter()
            .map(|(number, protocol)| format!("{{ number = {number}, protocol = '{protocol}' }}"));
        format!(
            "hosts = {hosts:?}\naddresses = {nets:?}\nports = [{}]\nresolution = '{resolution}'\n{more}\n",
            ports.collect::<Vec<_>>().join(", ")
        )
    })
}

pub(super) fn a_file() -> impl Strategy<Value = String> {
    prop::collection::vec(a_service(), 1..4).prop_map(|services| {
        let services = services.iter().enumerate();
        services
            .map(|(n, service)| format!("[[service]]\nname = 's{n}'\n{service}"))
            .collect::<Vec<_>>()
            .concat()
    })
}

/// Whether a name, or a pattern, is below the first ceiling's.
pub(super) fn is_below(name: &str) -> bool {
    name.ends_with(".example.com")
}
