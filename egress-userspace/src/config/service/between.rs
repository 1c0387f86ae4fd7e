//! What makes services consistent with each other and with the settings: for each connection of each
//! caller one service is the closest.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use foldhash::fast::RandomState;
use ipnet::IpNet;
use serde_spanned::Spanned;

use super::RawService;
use crate::config::problem::{Problem, Span};
use crate::config::registry::{Entry, Settings};
use crate::config::unique::repeated;
use crate::config::words::DnsForwarder;
use crate::types::{HostPattern, Port, Protocol, Selector};

/// What a connection is matched on. Two services that share one could not be told apart.
#[derive(PartialEq, Eq, Hash)]
struct Match<'a> {
    port: u16,
    family: &'static str,
    /// Which set of callers.
    from: u32,
    host: Option<&'a HostPattern>,
    address: Option<&'a IpNet>,
}

/// Checks all services.
pub(in crate::config) fn check(
    services: &[Entry<RawService>],
    settings: &Settings,
    problems: &mut Vec<Problem>,
) {
    let names = services
        .iter()
        .filter_map(|entry| Some((entry, entry.get().name.as_ref()?)))
        .map(|(entry, name)| (entry.moved(&name.span()), name.get_ref()));
    problems.extend(repeated("service", names));
    for entry in services {
        let service = entry.get();
        let found = own_port(service, settings.listen_port).chain(unlearned(service, settings));
        problems.extend(found.map(|p| p.about(service.title()).moved(entry.start())));
    }
    ambiguities(services, problems);
}

/// A connection to the gateway's own port never comes from a client.
fn own_port(service: &RawService, listen_port: u16) -> impl Iterator<Item = Problem> {
    let ports = service.ports.iter();
    let own = ports.filter(move |port| port.get_ref().number == listen_port);
    own.map(move |port| {
        let title = format!("port {listen_port} is the gateway's own");
        let label = "expected a port other than `gateway.listen_port`";
        Problem::new(port.span(), title, label)
    })
}

/// Names of what sends none are learned from the callers' own lookups.
fn unlearned(service: &RawService, settings: &Settings) -> Option<Problem> {
    let host = service.hosts.first()?;
    let is_tcp = |port: &Spanned<Port>| port.get_ref().protocol == Protocol::Tcp;
    if settings.forwarder != DnsForwarder::Off || !service.ports.iter().any(is_tcp) {
        return None;
    }
    let title = "with TCP no name is sent, and none is learned while dns.forwarder is \"off\"";
    let label = "expected no `hosts`, or another protocol";
    let help = "dns.forwarder = \"allowed\" learns which names callers look up";
    Some(Problem::new(host.span(), title, label).help(help))
}

/// For each port of a service, the first problem with a service before it. What is denied may also be
/// allowed: denying comes first.
fn ambiguities(services: &[Entry<RawService>], problems: &mut Vec<Problem>) {
    let mut taken: HashMap<Match<'_>, usize, RandomState> =
        HashMap::with_capacity_and_hasher(services.len(), RandomState::default());
    let mut callers = Callers::default();
    let allowing = services
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.is_whole() && !entry.get().deny);
    for (index, entry) in allowing {
        let service = entry.get();
        let from = callers.of(service);
        for port in &service.ports {
            let mut reported = false;
            for (matched, span) in matches(service, port, from) {
                match taken.entry(matched) {
                    Place::Vacant(place) => {
                        place.insert(index);
                    }
                    Place::Occupied(place) if *place.get() != index && !reported => {
                        let other = services.get(*place.get());
                        let found = other.map(|other| ambiguity(entry, &span, other, place.key()));
                        problems.extend(found);
                        reported = true;
                    }
                    Place::Occupied(_) => {}
                }
            }
        }
    }
}

fn ambiguity(
    entry: &Entry<RawService>,
    span: &Span,
    other: &Entry<RawService>,
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
        entry.get().title(),
        other.get().title(),
        matched.port
    );
    let ports = other.get().ports.iter();
    let places = ports.flat_map(|port| matches(other.get(), port, matched.from));
    let place = places
        .filter(|(same, _)| same == matched)
        .map(|(_, span)| span)
        .next();
    let label = "expected one service to be the closest";
    Problem::new(entry.moved(span), title, label)
        .maybe_other(place.map(|place| other.moved(&place)), "the other is here")
        .help("give the two different `hosts`, `ports`, `addresses` or `from`")
}

/// Sets of callers, numbered: 0 is everyone.
#[derive(Default)]
struct Callers<'a> {
    selectors: HashMap<&'a Selector, u32>,
    sets: HashMap<Vec<u32>, u32>,
}

impl<'a> Callers<'a> {
    fn of(&mut self, service: &'a RawService) -> u32 {
        if service.from.is_empty() {
            return 0;
        }
        let mut set: Vec<u32> = Vec::with_capacity(service.from.len());
        for selector in &service.from {
            let next = number(self.selectors.len());
            set.push(*self.selectors.entry(selector.get_ref()).or_insert(next));
        }
        set.sort_unstable();
        set.dedup();
        let next = number(self.sets.len());
        *self.sets.entry(set).or_insert(next)
    }
}

fn number(before: usize) -> u32 {
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

/// All that `port` is matched on, with the place that says so.
fn matches<'a>(
    service: &'a RawService,
    port: &'a Spanned<Port>,
    from: u32,
) -> impl Iterator<Item = (Match<'a>, Span)> {
    let Port {
        number, protocol, ..
    } = *port.get_ref();
    // Names of what goes over TCP are learned, but datagrams are judged in the kernel.
    let by_name = protocol != Protocol::Udp;
    let hosts = optional(service.hosts.iter().filter(move |_| by_name));
    hosts.flat_map(move |host| {
        optional(service.addresses.iter()).map(move |address| {
            let span = host.map(Spanned::span).or(address.map(Spanned::span));
            let matched = Match {
                port: number,
                family: protocol.family(),
                from,
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
