//! Datagrams are judged in the kernel, by their destination alone.

use serde_spanned::Spanned;

use super::speaks;
use crate::config::problem::{Problem, Span};
use crate::config::service::RawService;
use crate::types::{Port, Protocol};

/// Checks a service's keys that have no effect on datagrams.
pub(super) fn check(service: &RawService, problems: &mut Vec<Problem>) {
    let is_udp = |port: &&Spanned<Port>| port.get_ref().protocol == Protocol::Udp;
    if !service.ports.iter().any(|port| is_udp(&port)) {
        return;
    }
    let from = service.from.first().map(|from| ("from", from.span()));
    let policy = service.traffic_policy.as_ref();
    let policy = policy.map(|policy| ("traffic_policy", policy.span()));
    problems.extend(from.into_iter().chain(policy).map(without_effect));
    if let Some(host) = service.hosts.first()
        && !speaks(service, |protocol| protocol != Protocol::Udp)
    {
        let title = "`hosts` have no effect on datagrams: the kernel judges them by address";
        let label = "expected `addresses`, or another protocol";
        problems.push(Problem::new(host.span(), title, label));
    }
}

fn without_effect((key, span): (&str, Span)) -> Problem {
    let title = format!("`{key}` has no effect on datagrams: the kernel judges them by address");
    let label = format!("expected no `{key}` in a service with a port of UDP");
    Problem::new(span, title, label).help("give the UDP port a service of its own")
}
