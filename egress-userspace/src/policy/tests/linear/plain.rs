//! The policy as one would write it down: every service is looked at for every connection.

use std::cmp::Reverse;
use std::sync::Arc;

use ipnet::IpNet;

use crate::policy::{EndpointHost, EndpointTarget, Facts, Options, Required, Target};
use crate::types::{
    Caller, Claim, DenyReason, Ech, EndpointAddress, HostName, HostPattern, OriginalDst,
    OutboundTrafficPolicy, Port, Protocol, Resolution, Route, Selected, Selector, Service,
    Specificity, Trust,
};

#[derive(Debug, PartialEq)]
pub(super) enum Expected {
    Permit {
        service: String,
        route: Option<String>,
        target: Target,
        required: Option<Required>,
        learned: Option<HostName>,
    },
    /// `None`: no service matches, for whatever reason.
    Deny(Option<DenyReason>),
}

/// How a service is found: the greatest decides.
type Rank = (u8, usize, u8);

const BY_CLAIM: u8 = 4;
const BY_ADDRESS_OF_A_PROTOCOL: u8 = 3;
const BY_LEARNED_NAME: u8 = 2;
const BY_ADDRESS: u8 = 1;
const BY_PORT: u8 = 0;

#[derive(Clone, Copy)]
struct Found<'a> {
    rank: Rank,
    service: &'a Service,
    port: &'a Port,
    name: Option<&'a HostName>,
}

pub(super) fn decide(
    services: &[Service],
    routes: &[Route],
    facts: &Facts<'_>,
    learns: bool,
) -> Expected {
    let found: Vec<_> = found(services, facts, learns).collect();
    let denies = |f: &Found<'_>| f.service.deny && is_meant(f.service, facts.caller);
    if found.iter().any(denies) {
        return Expected::Deny(Some(DenyReason::ServiceDenied));
    }
    let allowing = || found.iter().filter(|f| !f.service.deny);
    let Some(best) = best(allowing(), facts.caller) else {
        let barred = allowing().next().is_some();
        return Expected::Deny(barred.then_some(DenyReason::CallerNotAllowed));
    };
    let ech = matches!(facts.claim, Claim::Tls(tls) if tls.ech);
    if ech && best.port.protocol.sends_name() && best.service.ech == Ech::Deny {
        return Expected::Deny(Some(DenyReason::EchDenied));
    }
    let sent = best.name.filter(|_| best.rank.0 == BY_CLAIM);
    let verified =
        best.service.trust == Trust::Verify || ech && best.service.ech == Ech::RequireVerifiedIp;
    let route = routes.iter().find(|route| applies(route, facts));
    Expected::Permit {
        service: best.service.name.to_string(),
        route: route.map(|route| route.name.clone()),
        target: match route {
            Some(route) => led(route, services, facts),
            None => target(&best, facts.dst),
        },
        required: sent.filter(|_| verified).map(|name| Required {
            name: name.clone(),
            ip: facts.dst.ip(),
        }),
        learned: best
            .name
            .filter(|_| best.rank.0 == BY_LEARNED_NAME)
            .cloned(),
    }
}

/// The name by which the connection is admitted.
pub(super) fn admitting_name<'a>(
    services: &'a [Service],
    facts: &Facts<'a>,
) -> Option<&'a HostName> {
    let found: Vec<_> = found(services, facts, true).collect();
    let denies = |f: &Found<'_>| f.service.deny && is_meant(f.service, facts.caller);
    if found.iter().any(denies) {
        return None;
    }
    best(found.iter().filter(|f| !f.service.deny), facts.caller)?.name
}

/// Whether a datagram goes to where it is sent.
pub(super) fn datagram(services: &[Service], dst: OriginalDst, options: Options) -> bool {
    let on_port = |s: &&Service| {
        let mut ports = s.ports.iter();
        ports.any(|p| p.protocol == Protocol::Udp && p.number == dst.port())
    };
    let lists = |s: &Service| s.addresses.iter().any(|net| net.contains(&dst.ip()));
    let denied = services
        .iter()
        .filter(on_port)
        .any(|s| s.deny && (s.addresses.is_empty() || lists(s)));
    let admits =
        |s: &Service| !s.deny && s.from.is_empty() && s.resolution == Resolution::None && lists(s);
    let open = options.outbound == OutboundTrafficPolicy::AllowAny;
    !denied && (open || services.iter().filter(on_port).any(admits))
}

fn found<'a>(
    services: &'a [Service],
    facts: &Facts<'a>,
    learns: bool,
) -> impl Iterator<Item = Found<'a>> {
    let facts = *facts;
    let ports = services
        .iter()
        .flat_map(|s| s.ports.iter().map(move |port| (s, port)));
    let ports = ports.filter(move |(_, port)| port.number == facts.dst.port());
    ports.filter_map(move |(service, port)| {
        let (rank, name) = rank(service, port, &facts, learns)?;
        Some(Found {
            rank,
            service,
            port,
            name,
        })
    })
}

fn rank<'a>(
    service: &'a Service,
    port: &Port,
    facts: &Facts<'a>,
    learns: bool,
) -> Option<(Rank, Option<&'a HostName>)> {
    if port.protocol == Protocol::Udp {
        return None;
    }
    if !service.deny && !port.protocol.is_spoken_by(facts.claim) {
        return None;
    }
    let prefixes = service
        .addresses
        .iter()
        .filter(|net| net.contains(&facts.dst.ip()));
    let prefix = prefixes.map(|net| net.prefix_len() + 1).max().unwrap_or(0);
    if prefix == 0 && !service.addresses.is_empty() {
        return None;
    }
    let sends_name = port.protocol.sends_name();
    if sends_name && !service.hosts.is_empty() {
        let Some(name) = facts.claim.name() else {
            // A name that was told and is not sent is denied all the same.
            let mut told = facts.learned.iter();
            let denied = service.deny && told.any(|name| specificity(service, name).is_some());
            return denied.then_some(((BY_LEARNED_NAME, 0, prefix), None));
        };
        return Some(((BY_CLAIM, specificity(service, name)?, prefix), Some(name)));
    }
    if !sends_name && !service.hosts.is_empty() && learns {
        let names = facts.learned.iter().rev();
        let names = names.filter_map(|name| Some((specificity(service, name)?, name)));
        let (close, name) = names.max_by_key(|(close, _)| *close)?;
        return Some(((BY_LEARNED_NAME, close, prefix), Some(name)));
    }
    let found = match (sends_name, service.addresses.is_empty()) {
        (true, false) => BY_ADDRESS_OF_A_PROTOCOL,
        (true, true) if !service.deny => return None,
        (false, true) if !service.deny && service.resolution == Resolution::None => return None,
        (false, false) => BY_ADDRESS,
        (_, true) => BY_PORT,
    };
    Some(((found, 0, prefix), None))
}

fn specificity(service: &Service, name: &HostName) -> Option<usize> {
    let close = |host: &HostPattern| match host {
        HostPattern::Exact(exact) => (exact == name).then_some(usize::MAX),
        HostPattern::Suffix(apex) => {
            let ends = name.as_str().ends_with(&format!(".{apex}"));
            ends.then_some(apex.as_str().len())
        }
    };
    service.hosts.iter().filter_map(close).max()
}

fn is_meant(service: &Service, caller: &Caller) -> bool {
    let may_be = |selector: &Selector| selector.selects(caller) != Selected::No;
    service.from.is_empty() || service.from.iter().any(may_be)
}

/// How closely a service describes a caller; one for everyone does less than any selector.
fn closeness(service: &Service, caller: &Caller) -> Option<(bool, Specificity)> {
    if service.from.is_empty() {
        return Some((false, Specificity::default()));
    }
    let meant = service
        .from
        .iter()
        .filter(|s| s.selects(caller) == Selected::Yes);
    meant
        .map(Selector::specificity)
        .max()
        .map(|close| (true, close))
}

fn best<'a, 'f: 'a>(
    allowing: impl Iterator<Item = &'a Found<'f>>,
    caller: &Caller,
) -> Option<Found<'f>> {
    let meant = allowing.enumerate().filter_map(|(place, found)| {
        let close = closeness(found.service, caller)?;
        Some(((close, found.rank, Reverse(place)), *found))
    });
    meant.max_by_key(|(rank, _)| *rank).map(|(_, found)| found)
}

fn target(found: &Found<'_>, dst: OriginalDst) -> Target {
    let Found { service, port, .. } = found;
    let own = Target::Address(dst.socket_addr());
    let to_name = |name: &HostName, prefer| Target::Name {
        name: name.clone(),
        port: port.number,
        prefer,
    };
    let listed = matches!(service.resolution, Resolution::Static) || !service.endpoints.is_empty();
    match (service.resolution, found.name) {
        (Resolution::None, Some(name)) if found.rank.0 == BY_LEARNED_NAME => Target::Answer {
            name: name.clone(),
            addr: dst.socket_addr(),
        },
        (Resolution::None, Some(_))
            if service.trust == Trust::Original && !service.addresses.is_empty() =>
        {
            own
        }
        (Resolution::None, Some(name)) => to_name(name, Some(dst.ip())),
        (Resolution::None, None) => own,
        (Resolution::DynamicDns, Some(name)) => to_name(name, None),
        (Resolution::DynamicDns, None) => Target::Endpoints([].into()),
        (_, Some(name)) if !listed => to_name(name, None),
        _ => Target::Endpoints(where_it_is(service, port)),
    }
}

/// What a service says of where it is.
fn where_it_is(service: &Service, port: &Port) -> Arc<[EndpointTarget]> {
    let endpoints = service
        .endpoints
        .iter()
        .map(|endpoint| match &endpoint.address {
            EndpointAddress::Ip(ip) => EndpointHost::Address((*ip, port.number).into()),
            EndpointAddress::Name(name) => EndpointHost::Name(name.clone(), port.number),
        });
    let hosts = service.hosts.iter().filter_map(|host| match host {
        HostPattern::Exact(name) => Some(EndpointHost::Name(name.clone(), port.number)),
        HostPattern::Suffix(_) => None,
    });
    let resolved = matches!(
        service.resolution,
        Resolution::Dns | Resolution::DnsRoundRobin
    );
    let hosts = hosts.filter(|_| resolved && service.endpoints.is_empty());
    endpoints.chain(hosts).map(EndpointTarget::new).collect()
}

fn applies(route: &Route, facts: &Facts<'_>) -> bool {
    let has =
        |nets: &[IpNet]| nets.is_empty() || nets.iter().any(|net| net.contains(&facts.dst.ip()));
    let is = |hosts: &[HostPattern]| {
        hosts.is_empty()
            || facts.claim.name().is_some_and(|name| {
                hosts.iter().any(|host| match host {
                    HostPattern::Exact(exact) => exact == name,
                    HostPattern::Suffix(apex) => name.as_str().ends_with(&format!(".{apex}")),
                })
            })
    };
    let by = |from: &[Selector]| {
        from.is_empty()
            || from
                .iter()
                .any(|s| s.selects(facts.caller) == Selected::Yes)
    };
    let port = |port: Option<u16>| port.is_none_or(|port| port == facts.dst.port());
    let mut matches = route.matches.iter();
    matches.any(|m| is(&m.sni_hosts) && has(&m.destination_subnets) && port(m.port) && by(&m.from))
}

/// Where a route leads: the draw is a point on the line that the weights make.
fn led(route: &Route, services: &[Service], facts: &Facts<'_>) -> Target {
    let line: Vec<_> = route
        .destinations
        .iter()
        .flat_map(|to| std::iter::repeat_n(to, to.weight as usize))
        .collect();
    let point = u64::from(facts.draw) * line.len() as u64 / (1 << 32);
    let to = line
        .get(usize::try_from(point).expect("small"))
        .expect("a destination");
    let service = services.iter().find(|s| s.name == to.service && !s.deny);
    let port = service.and_then(|s| {
        let ports: Vec<_> = s
            .ports
            .iter()
            .filter(|p| p.protocol != Protocol::Udp)
            .collect();
        let wanted = to.port.unwrap_or(facts.dst.port());
        match (to.port, &ports[..]) {
            (None, [only]) => Some(*only),
            _ => ports.iter().copied().find(|port| port.number == wanted),
        }
    });
    Target::Endpoints(match (service, port) {
        (Some(service), Some(port)) => where_it_is(service, port),
        _ => [].into(),
    })
}
