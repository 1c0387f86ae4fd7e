//! What makes services consistent with each other: for each connection one service is the closest.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::RawService;
use crate::config::problem::{Problem, Span};
use crate::config::unique::repeated;
use crate::config::value::Marked;
use crate::types::{HostPattern, Port};

/// What a connection is matched on. Two services that share one could not be told apart.
#[derive(PartialEq, Eq, Hash)]
struct Match<'a> {
    port: u16,
    family: &'static str,
    host: Option<&'a HostPattern>,
    address: Option<&'a IpNet>,
}

/// Checks all services.
pub(super) fn check(
    services: &[Spanned<Marked<RawService>>],
    listen_port: u16,
    problems: &mut Vec<Problem>,
) {
    let marked = || services.iter().map(Spanned::get_ref);
    let services = || marked().map(|marked| &marked.value);
    let names = services()
        .filter_map(|s| s.name.as_ref())
        .map(|name| (name.span(), name.get_ref()));
    problems.extend(repeated("service", names));
    problems.extend(services().flat_map(|service| own_port(service, listen_port)));

    let mut taken = HashMap::new();
    for (index, service) in marked().filter(|marked| marked.whole).enumerate() {
        problems.extend(ambiguities(index, &service.value, &mut taken));
    }
}

/// A connection to the gateway's own port never comes from a client.
fn own_port(service: &RawService, listen_port: u16) -> impl Iterator<Item = Problem> {
    let own = service
        .ports
        .iter()
        .filter(move |port| port.get_ref().number == listen_port);
    own.map(move |port| {
        let title = format!("port {listen_port} is the gateway's own");
        let label = "expected a port other than `gateway.listen_port`";
        Problem::new(port.span(), title, label).about(service.title())
    })
}

/// Problems of `service` with those before it, one for each port; its matches are added to `taken`.
fn ambiguities<'a>(
    index: usize,
    service: &'a RawService,
    taken: &mut HashMap<Match<'a>, (usize, &'a RawService, Span)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for port in &service.ports {
        let mut reported = false;
        for (matched, span) in matches(service, port) {
            match taken.entry(matched) {
                Entry::Vacant(entry) => {
                    entry.insert((index, service, span));
                }
                Entry::Occupied(entry) => {
                    let (owner, other, place) = entry.get();
                    if *owner != index && !reported {
                        problems.push(ambiguity(service, span, other, place, entry.key()));
                        reported = true;
                    }
                }
            }
        }
    }
    problems
}

fn ambiguity(
    service: &RawService,
    span: Span,
    other: &RawService,
    place: &Span,
    matched: &Match<'_>,
) -> Problem {
    let what = match (matched.host, matched.address) {
        (Some(host), None) => format!("`{host}`"),
        (Some(host), Some(address)) => format!("`{host}` towards {address}"),
        (None, Some(address)) => format!("{address}"),
        (None, None) => "any address".into(),
    };
    let title = format!(
        "{} and {} both admit {what} on port {}",
        service.title(),
        other.title(),
        matched.port
    );
    Problem::new(span, title, "expected one service to be the closest")
        .other(place.clone(), "the other is here")
        .help("give the two different `hosts`, `ports` or `addresses`")
}

/// All that `port` is matched on, with the place that says so.
fn matches<'a>(
    service: &'a RawService,
    port: &'a Spanned<Port>,
) -> impl Iterator<Item = (Match<'a>, Span)> {
    let Port {
        number, protocol, ..
    } = *port.get_ref();
    let by_name = protocol.sends_name();
    let hosts = optional(service.hosts.iter().filter(move |_| by_name));
    hosts.flat_map(move |host| {
        optional(service.addresses.iter()).map(move |address| {
            let span = host.map(Spanned::span).or(address.map(Spanned::span));
            let matched = Match {
                port: number,
                family: protocol.family(),
                host: host.map(Spanned::get_ref),
                address: address.map(Spanned::get_ref),
            };
            (matched, span.unwrap_or_else(|| port.span()))
        })
    })
}

/// The items, or once none of them if there are none.
fn optional<'a, T: 'a>(
    items: impl Iterator<Item = &'a T> + Clone,
) -> impl Iterator<Item = Option<&'a T>> {
    let none = items.clone().next().is_none();
    items.map(Some).chain(none.then_some(None))
}
