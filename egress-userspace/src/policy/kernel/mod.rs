//! What of a registry the kernel can decide by itself: what needs neither a name nor to know who asks.

mod table;

use std::collections::BTreeMap;

use super::Options;
use super::profile::By;
use crate::types::{
    AddressRule, Ceiling, Port, Protocol, Resolution, Route, Service, TrafficPolicy, Transport,
};
use table::{Judged, Table};

/// The rules that need no gateway.
///
/// The kernel takes the rule with the longest prefix, and knows neither names nor callers. So inside
/// what is denied nothing is allowed, and inside what only the gateway can judge nothing goes straight.
///
/// A datagram has no name, and goes or does not go. A TCP port is judged by address alone if all its
/// services are `TCP`: what they admit to the client's own address goes straight there, what leads
/// elsewhere goes to the gateway, and what none of them admits is refused.
///
/// Whether denials take effect is no matter of theirs: of one pod they do, and of another they don't.
pub fn address_rules(services: &[Service], routes: &[Route], options: Options) -> Vec<AddressRule> {
    address_rules_below(&[], services, routes, options)
}

/// The same where namespaces may have services of their own below these ceilings: what those may admit, the
/// gateway judges. So what namespaces write changes no rule, and the rules are no more than the operator's.
pub fn address_rules_below(
    ceilings: &[Ceiling],
    services: &[Service],
    routes: &[Route],
    options: Options,
) -> Vec<AddressRule> {
    let mut tables: BTreeMap<(Transport, u16), Table> = BTreeMap::new();
    for service in services {
        for port in &service.ports {
            let transport = transport(port.protocol);
            let table = tables.entry((transport, port.number)).or_default();
            if let Some(judged) = judged(service, port, options) {
                table.add(service, port, judged);
            }
        }
    }
    for ceiling in ceilings {
        for port in ceiling
            .ports
            .iter()
            .filter(|port| port.protocol != Protocol::Udp)
        {
            let table = tables.entry((Transport::Tcp, port.number)).or_default();
            table.ask(&ceiling.addresses);
        }
    }
    for ((transport, number), table) in &mut tables {
        if *transport == Transport::Tcp {
            for route in routes {
                table.lead(route, *number);
            }
        }
    }
    let tables = tables.into_iter();
    let rules = tables.flat_map(|((transport, port), table)| {
        let nets = table.rules(transport, options).into_iter();
        nets.map(move |(net, action)| AddressRule {
            transport,
            port,
            net,
            action,
        })
    });
    rules.collect()
}

/// What becomes of connections to a service's addresses; `None`: the kernel has nothing to do with it.
fn judged(service: &Service, port: &Port, options: Options) -> Option<Judged> {
    match (transport(port.protocol), service.deny) {
        (Transport::Tcp, true) => Some(if service.hosts.is_empty() && service.from.is_empty() {
            Judged::Denied
        } else {
            Judged::Asked
        }),
        (Transport::Tcp, false) => Some(admitted(service, port, options)),
        // Nobody else judges datagrams. Whom a denial means can't be known, so it means everyone.
        (Transport::Udp, true) => Some(Judged::Denied),
        (Transport::Udp, false) => {
            (service.from.is_empty() && is_direct(service, port)).then_some(Judged::Allowed)
        }
    }
}

/// What of TCP needs nothing of the gateway goes straight.
fn admitted(service: &Service, port: &Port, options: Options) -> Judged {
    let by_name = By::of(service, port.protocol, options.learns_names) != By::Address;
    if by_name || !service.from.is_empty() {
        Judged::Asked
    } else if is_direct(service, port) && *service.traffic == TrafficPolicy::default() {
        Judged::Allowed
    } else {
        Judged::Elsewhere
    }
}

/// Whether it goes to the client's own address and port.
fn is_direct(service: &Service, port: &Port) -> bool {
    let same_port = port.target_port.is_none_or(|target| target == port.number);
    service.resolution == Resolution::None && same_port
}

fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp
        | Protocol::Tls
        | Protocol::Https
        | Protocol::Http
        | Protocol::Http2
        | Protocol::Grpc => Transport::Tcp,
    }
}
