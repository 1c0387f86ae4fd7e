//! What makes one service consistent: no key without effect, no target that cannot be found, and
//! nothing admitted that its author did not write down.

use serde_spanned::Spanned;

use super::RawService;
use super::parts::missing;
use crate::config::problem::{Problem, Span, did_you_mean, one_of};
use crate::config::unique::repeated;
use crate::types::{EndpointAddress, HostPattern, Port, Protocol, Resolution};

/// Checks a service whose every key is right.
pub(super) fn check(service: &RawService, header: &Span, problems: &mut Vec<Problem>) {
    let rules = [required, repetitions, resolution, hosts, ports, endpoints];
    let found = rules.iter().flat_map(|rule| rule(service, header));
    problems.extend(found.map(|problem| problem.about(service.title())));
}

fn required(service: &RawService, header: &Span) -> Vec<Problem> {
    let name = service.name.is_none().then(|| missing("name", header));
    let ports = service.ports.is_empty().then(|| {
        let help = "as in ports = [{ number = 443, protocol = \"TLS\" }]";
        missing("ports", header).help(help)
    });
    name.into_iter().chain(ports).collect()
}

fn repetitions(service: &RawService, _: &Span) -> Vec<Problem> {
    let names = service
        .ports
        .iter()
        .filter_map(|port| Some((port.span(), port.get_ref().name.as_ref()?)));
    let numbers = service
        .ports
        .iter()
        .map(|port| (port.span(), port.get_ref().number));
    let mut problems = repeated(
        "host",
        service.hosts.iter().map(|h| (h.span(), h.get_ref())),
    );
    problems.extend(repeated(
        "address",
        service.addresses.iter().map(|a| (a.span(), a.get_ref())),
    ));
    problems.extend(repeated("port", numbers));
    problems.extend(repeated("port name", names));
    problems
}

/// What each `resolution` needs to find an address.
fn resolution(service: &RawService, header: &Span) -> Vec<Problem> {
    let span = place(service, header);
    let (hosts, endpoints) = (!service.hosts.is_empty(), !service.endpoints.is_empty());
    let problem = match service.resolution() {
        Resolution::Static if !endpoints => Problem::new(
            span,
            "STATIC has nothing to dial",
            "expected `endpoints` with addresses",
        ),
        Resolution::Dns | Resolution::DnsRoundRobin if !hosts && !endpoints => Problem::new(
            span,
            "DNS has no name to resolve",
            "expected `hosts`, or `endpoints`",
        ),
        Resolution::DynamicDns if !hosts => Problem::new(
            span,
            "DYNAMIC_DNS without `hosts` would resolve any name",
            "expected `hosts`",
        ),
        Resolution::None
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns => return vec![],
    };
    vec![problem]
}

fn hosts(service: &RawService, _: &Span) -> Vec<Problem> {
    let resolves_hosts = service.resolution().resolves_hosts() && service.endpoints.is_empty();
    let reads_names = service
        .ports
        .iter()
        .any(|port| port.get_ref().protocol.sends_name());
    let wildcards = service
        .hosts
        .iter()
        .filter(|host| resolves_hosts && matches!(host.get_ref(), HostPattern::Suffix(_)));
    let mut problems: Vec<_> = wildcards
        .map(|host| {
            Problem::new(
                host.span(),
                "a wildcard has no address",
                "expected a full name with DNS",
            )
            .help("resolution = \"DYNAMIC_DNS\" resolves the name that the client sends")
        })
        .collect();
    if let Some(first) = service.hosts.first()
        && !reads_names
        && !resolves_hosts
        && !service.ports.is_empty()
    {
        let title = "`hosts` have no effect: no port has a protocol that sends a name";
        problems.push(
            Problem::new(
                first.span(),
                title,
                "expected no `hosts`, or another protocol",
            )
            .help("TLS, HTTPS, HTTP, HTTP2 and GRPC send a name"),
        );
    }
    problems
}

fn ports(service: &RawService, _: &Span) -> Vec<Problem> {
    service
        .ports
        .iter()
        .filter_map(|port| check_port(service, port))
        .collect()
}

fn check_port(service: &RawService, port: &Spanned<Port>) -> Option<Problem> {
    let span = port.span();
    let Port {
        protocol,
        target_port,
        ..
    } = port.get_ref();
    let (no_hosts, anywhere) = (service.hosts.is_empty(), service.addresses.is_empty());
    match service.resolution() {
        Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns
            if *protocol == Protocol::Udp =>
        {
            let title = "datagrams go where the client sends them: no gateway resolves their names";
            Some(Problem::new(
                span,
                title,
                "expected another protocol, or resolution NONE",
            ))
        }
        Resolution::None if target_port.is_some() => {
            let title = "`target_port` has no effect: NONE dials the address the client asked for";
            Some(Problem::new(
                span,
                title,
                "expected no `target_port`, or another `resolution`",
            ))
        }
        Resolution::None if !protocol.sends_name() && anywhere => {
            let title =
                "TCP or UDP with NONE and no `addresses` would admit every address on the port";
            let problem = Problem::new(span, title, "expected `addresses` in this service");
            Some(problem.help("as in addresses = [\"192.0.2.0/24\"]"))
        }
        Resolution::DynamicDns if !protocol.sends_name() => {
            let title =
                "DYNAMIC_DNS resolves the name that a client sends, and with TCP it sends none";
            Some(Problem::new(
                span,
                title,
                "expected another protocol, or another `resolution`",
            ))
        }
        _ if protocol.sends_name() && no_hosts && anywhere => {
            let title = "nothing says which connections this port admits";
            Some(Problem::new(
                span,
                title,
                "expected `hosts` or `addresses` in this service",
            ))
        }
        Resolution::None
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns => None,
    }
}

fn endpoints(service: &RawService, _: &Span) -> Vec<Problem> {
    let unused = match service.resolution() {
        Resolution::None => Some("NONE"),
        Resolution::DynamicDns => Some("DYNAMIC_DNS"),
        Resolution::Static | Resolution::Dns | Resolution::DnsRoundRobin => None,
    };
    if let (Some(resolution), Some(first)) = (unused, service.endpoints.first()) {
        let title = format!("`endpoints` have no effect with resolution {resolution}");
        let label = "expected no `endpoints`, or resolution STATIC or DNS";
        return vec![Problem::new(first.span(), title, label)];
    }
    let names = service.endpoints.iter().filter(|endpoint| {
        service.resolution() == Resolution::Static
            && matches!(endpoint.get_ref().address, EndpointAddress::Name(_))
    });
    let mut problems: Vec<_> = names
        .map(|endpoint| {
            Problem::new(
                endpoint.span(),
                "STATIC resolves no names",
                "expected an address",
            )
            .help("resolution = \"DNS\" takes endpoints that are names")
        })
        .collect();
    problems.extend(unknown_ports(service));
    problems
}

/// Endpoints' ports that are not names of the service's ports.
fn unknown_ports(service: &RawService) -> Vec<Problem> {
    let names = service
        .ports
        .iter()
        .filter_map(|port| port.get_ref().name.as_deref());
    let known: Vec<_> = names.collect();
    let entries = service.endpoints.iter().flat_map(|endpoint| {
        endpoint
            .get_ref()
            .ports
            .iter()
            .map(|(name, _)| (endpoint.span(), name.as_str()))
    });
    entries
        .filter(|(_, name)| !known.contains(name))
        .map(|(span, name)| {
            let label = if known.is_empty() {
                "expected a `name` on the service's ports".into()
            } else {
                format!("expected {}", one_of(&known))
            };
            Problem::new(
                span,
                format!("no port of the service has the name {name:?}"),
                label,
            )
            .maybe_help(did_you_mean(name, &known))
        })
        .collect()
}

/// Where `resolution` is written, else where the service begins.
fn place(service: &RawService, header: &Span) -> Span {
    service
        .resolution
        .as_ref()
        .map_or_else(|| header.clone(), Spanned::span)
}
