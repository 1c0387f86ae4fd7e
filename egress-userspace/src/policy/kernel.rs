//! What of a registry the kernel can decide by itself: what needs no name.

use std::collections::{HashMap, HashSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Options;
use crate::types::{
    AddressAction, AddressRule, Mode, OutboundTrafficPolicy, Port, Protocol, Resolution, Service,
    Transport,
};

/// The rules that need no gateway.
///
/// A datagram has no name, and goes or does not go. A TCP port is judged by address alone if all its
/// services are `TCP`: what they admit to the client's own address goes straight there, what leads
/// elsewhere goes to the gateway, and what none of them admits is refused, where denials take effect.
pub fn address_rules(services: &[Service], options: Options) -> Vec<AddressRule> {
    let ports = || {
        services
            .iter()
            .flat_map(|s| s.ports.iter().map(move |port| (s, port)))
    };
    let named: HashSet<u16> = ports()
        .filter(|(_, p)| p.protocol.sends_name())
        .map(|(_, p)| p.number)
        .collect();
    let mut rules = Vec::new();
    let mut anywhere = HashMap::new();
    for (service, port) in ports() {
        let Some(transport) = transport(port.protocol) else {
            continue;
        };
        if transport == Transport::Tcp && named.contains(&port.number) {
            continue;
        }
        let action = action(service, port);
        rules.extend(
            service
                .addresses
                .iter()
                .map(|net| rule(transport, port.number, *net, action)),
        );
        if transport == Transport::Tcp {
            let open = anywhere.entry(port.number).or_insert(false);
            *open |= service.addresses.is_empty();
        }
    }
    if enforces(options) {
        let closed = anywhere.into_iter().filter(|(_, open)| !open);
        rules.extend(closed.flat_map(|(port, _)| {
            every()
                .into_iter()
                .map(move |net| rule(Transport::Tcp, port, net, AddressAction::Deny))
        }));
    }
    rules
}

/// Whether what no service admits is refused.
pub fn enforces(options: Options) -> bool {
    options.mode == Mode::Enforce && options.outbound == OutboundTrafficPolicy::RegistryOnly
}

fn rule(transport: Transport, port: u16, net: IpNet, action: AddressAction) -> AddressRule {
    AddressRule {
        transport,
        port,
        net,
        action,
    }
}

fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Tls | Protocol::Https | Protocol::Http | Protocol::Http2 | Protocol::Grpc => None,
    }
}

/// A client's own address needs no gateway; any other can be reached only through it.
fn action(service: &Service, port: &Port) -> AddressAction {
    let same_port = port.target_port.is_none_or(|target| target == port.number);
    match service.resolution {
        Resolution::None if same_port => AddressAction::Allow,
        Resolution::None
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns => AddressAction::Gateway,
    }
}

/// All addresses of each family. IPv4 stands in the kernel's table beside IPv6, in its mapped form.
fn every() -> [IpNet; 2] {
    [Ipv4Net::default().into(), Ipv6Net::default().into()]
}
