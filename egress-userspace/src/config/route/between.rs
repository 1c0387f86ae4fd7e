//! What makes routes consistent with each other and with the services that they lead to.

use std::collections::HashMap;

use serde_spanned::Spanned;

use super::{RawMatch, RawRoute};
use crate::config::problem::{Problem, did_you_mean, one_of};
use crate::config::registry::Entry;
use crate::config::service::RawService;
use crate::config::unique::repeated;
use crate::types::{Protocol, Resolution, RouteDestination};

/// Ports that are named in a message; a service with more has them in its entry.
const PORTS_SHOWN: usize = 8;

/// Services by name.
type Services<'a> = HashMap<&'a str, &'a RawService>;

/// Checks all routes; `is_whole` says that `services` are all that there are.
pub(in crate::config) fn check(
    routes: &[Entry<RawRoute>],
    services: &[Entry<RawService>],
    is_whole: bool,
    problems: &mut Vec<Problem>,
) {
    if routes.is_empty() {
        return;
    }
    let names = routes
        .iter()
        .filter_map(|entry| Some((entry, entry.get().name.as_ref()?)))
        .map(|(entry, name)| (entry.moved(&name.span()), &name.get_ref().0));
    problems.extend(repeated("route", names));

    let entries = services.iter().filter_map(|entry| {
        let name = entry.get().name.as_ref()?;
        Some((name.get_ref().as_str(), entry.get()))
    });
    let by_name: Services<'_> = entries.collect();
    // A service whose name could not be read may be the one that is meant.
    let all_named = is_whole && services.iter().all(|entry| entry.get().name.is_some());
    for entry in routes.iter().filter(|entry| entry.is_whole()) {
        let route = entry.get();
        let found = route.destinations.iter().filter_map(|destination| {
            match by_name.get(destination.get_ref().service.as_str()) {
                Some(service) => unfit(route, destination, service),
                None => all_named.then(|| unknown(destination, &by_name)),
            }
        });
        problems.extend(found.map(|p| p.about(route.title()).moved(entry.start())));
    }
}

fn unknown(destination: &Spanned<RouteDestination>, services: &Services<'_>) -> Problem {
    let name = &destination.get_ref().service;
    let title = format!("there is no service `{name}`");
    let mut known: Vec<_> = services.keys().copied().collect();
    known.sort_unstable();
    Problem::new(
        destination.span(),
        title,
        "expected a service of the registry",
    )
    .maybe_help(did_you_mean(name.as_str(), &known))
}

/// Why a service is no place to lead a connection to.
fn unfit(
    route: &RawRoute,
    destination: &Spanned<RouteDestination>,
    service: &RawService,
) -> Option<Problem> {
    let problem = |title: String, label: &str| Some(Problem::new(destination.span(), title, label));
    let title = service.title();
    if service.deny {
        return problem(
            format!("{title} denies: nothing is led there"),
            "expected a service without `deny`",
        );
    }
    let nowhere = match service.resolution() {
        Resolution::None => "NONE",
        Resolution::DynamicDns => "DYNAMIC_DNS",
        Resolution::Static | Resolution::Dns | Resolution::DnsRoundRobin => {
            return port(route, destination, service);
        }
    };
    problem(
        format!("{title} has resolution {nowhere}, and so no address of its own"),
        "expected a service with STATIC, DNS or DNS_ROUND_ROBIN",
    )
}

/// Why it is not clear which of the service's ports is dialled.
fn port(
    route: &RawRoute,
    destination: &Spanned<RouteDestination>,
    service: &RawService,
) -> Option<Problem> {
    let ports = service.ports.iter().map(Spanned::get_ref);
    let streams = ports.filter(|port| port.protocol != Protocol::Udp);
    let numbers: Vec<u16> = streams.map(|port| port.number).collect();
    let is_right = match destination.get_ref().port {
        Some(port) => numbers.contains(&port),
        None => numbers.len() == 1 || route.r#match.iter().all(|m| fits(m.get_ref(), &numbers)),
    };
    if is_right {
        return None;
    }
    let title = match destination.get_ref().port {
        Some(port) => format!("{} has no port {port}", service.title()),
        None => format!(
            "{} has {} ports, and nothing says which one is meant",
            service.title(),
            numbers.len()
        ),
    };
    let shown: Vec<String> = numbers
        .iter()
        .take(PORTS_SHOWN)
        .map(u16::to_string)
        .collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let label = format!("expected `port` to be {}", one_of(&shown));
    Some(Problem::new(destination.span(), title, label))
}

/// Whether the client's port is the destination's.
fn fits(matched: &RawMatch, ports: &[u16]) -> bool {
    let port = matched.port.as_ref().map(|port| port.get_ref().get());
    port.is_some_and(|port| ports.contains(&port))
}
