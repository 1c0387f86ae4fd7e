//! Whether a service is within a ceiling.

use ipnet::IpNet;
use serde_spanned::Spanned;

use crate::config::problem::{Problem, Span};
use crate::config::service::RawService;
use crate::types::{Ceiling, HostPattern, Port, Protocol};

/// The first ceiling of the namespace that the service is within; else why it is within none.
pub(super) fn ceiling<'a>(
    service: &RawService,
    namespace: &str,
    header: &Span,
    ceilings: &'a [Ceiling],
) -> Result<&'a Ceiling, Box<Problem>> {
    let mut nearest: Option<Excess> = None;
    let is_meant = |ceiling: &&Ceiling| {
        ceiling
            .namespaces
            .iter()
            .any(|names| names.is_match(namespace))
    };
    for ceiling in ceilings.iter().filter(is_meant) {
        let Some(excess) = excess(service, ceiling, header) else {
            return Ok(ceiling);
        };
        if nearest
            .as_ref()
            .is_none_or(|nearest| nearest.fits < excess.fits)
        {
            nearest = Some(excess);
        }
    }
    Err(nearest.map_or_else(
        || {
            let title = format!("the cluster's file has no ceiling for the namespace {namespace}");
            let problem = Problem::new(header.clone(), title, "so this admits nothing");
            Box::new(problem.help("without one, a namespace admits nothing for itself"))
        },
        |excess| Box::new(excess.problem),
    ))
}

/// What of a service is beyond a ceiling.
struct Excess {
    /// How much of it was found within before: the most tells which ceiling was meant.
    fits: u8,
    problem: Problem,
}

/// The first of its parts that is beyond.
fn excess(service: &RawService, ceiling: &Ceiling, header: &Span) -> Option<Excess> {
    let beyond = |fits, span: Span, title: String, help: Option<String>| {
        let label = format!("beyond the ceiling at {}", ceiling.place);
        let problem = Problem::new(span, title, label).maybe_help(help);
        Some(Excess { fits, problem })
    };
    let (hosts, addresses) = (&service.hosts, &service.addresses);
    // A ceiling for names does not bound what goes by address, nor one for addresses where a name leads.
    if let (Some(host), true) = (hosts.first(), ceiling.hosts.is_empty()) {
        let title = "the ceiling is for addresses, and a name may lead to others".into();
        return beyond(0, host.span(), title, Some("leave `hosts` out".into()));
    }
    if hosts.is_empty() && !ceiling.hosts.is_empty() {
        let title = "the ceiling is for names, and this admits any".into();
        let help = format!("expected `hosts` within {}", told(&ceiling.hosts));
        return beyond(0, header.clone(), title, Some(help));
    }
    let is_beyond =
        |host: &&Spanned<HostPattern>| !ceiling.hosts.iter().any(|c| has_host(c, host.get_ref()));
    if let Some(host) = hosts.iter().find(is_beyond) {
        let title = format!(
            "`{}` is not within {}",
            host.get_ref(),
            told(&ceiling.hosts)
        );
        return beyond(1, host.span(), title, None);
    }
    if let (Some(address), true) = (addresses.first(), ceiling.addresses.is_empty()) {
        let title =
            "the ceiling has no `addresses`, and those that are listed may be private".into();
        return beyond(
            2,
            address.span(),
            title,
            Some("leave `addresses` out".into()),
        );
    }
    if addresses.is_empty() && !ceiling.addresses.is_empty() {
        let title = "the ceiling is for some addresses, and this is for any".into();
        let help = format!("expected `addresses` within {}", told(&ceiling.addresses));
        return beyond(2, header.clone(), title, Some(help));
    }
    let is_beyond =
        |net: &&Spanned<IpNet>| !ceiling.addresses.iter().any(|c| c.contains(net.get_ref()));
    if let Some(net) = addresses.iter().find(is_beyond) {
        let title = format!(
            "{} is not within {}",
            net.get_ref(),
            told(&ceiling.addresses)
        );
        return beyond(3, net.span(), title, None);
    }
    let is_beyond =
        |port: &&Spanned<Port>| !ceiling.ports.iter().any(|c| has_port(c, port.get_ref()));
    let port = service.ports.iter().find(is_beyond)?;
    let Port {
        number, protocol, ..
    } = port.get_ref();
    let ports = ceiling
        .ports
        .iter()
        .map(|port| format!("{} for {}", port.number, port.protocol.word()));
    let title = format!(
        "port {number} for {} is none of the ceiling's",
        protocol.word()
    );
    let help = format!("it has {}", ports.collect::<Vec<_>>().join(", "));
    beyond(4, port.span(), title, Some(help))
}

fn told<T: ToString>(items: &[T]) -> String {
    /// Most that are told: a line is no list.
    const MOST: usize = 5;
    let mut told: Vec<_> = items.iter().take(MOST).map(T::to_string).collect();
    if items.len() > MOST {
        told.push(format!("{} more", items.len() - MOST));
    }
    told.join(", ")
}

/// Whether every name that `own` has is one that `ceiling` has.
fn has_host(ceiling: &HostPattern, own: &HostPattern) -> bool {
    match (ceiling, own) {
        (HostPattern::Exact(name), HostPattern::Exact(own)) => name == own,
        (HostPattern::Exact(_), HostPattern::Suffix(_)) => false,
        (HostPattern::Suffix(apex), HostPattern::Exact(own)) => {
            is_below(own.as_str(), apex.as_str())
        }
        (HostPattern::Suffix(apex), HostPattern::Suffix(own)) => {
            own == apex || is_below(own.as_str(), apex.as_str())
        }
    }
}

fn is_below(name: &str, apex: &str) -> bool {
    name.strip_suffix(apex)
        .is_some_and(|before| before.len() > 1 && before.ends_with('.'))
}

/// Whether every client of `own` is one of `ceiling`.
fn has_port(ceiling: &Port, own: &Port) -> bool {
    let is_narrower = match ceiling.protocol {
        Protocol::Http2 | Protocol::Grpc => own.protocol != Protocol::Http,
        _ => true,
    };
    ceiling.number == own.number
        && ceiling.protocol.family() == own.protocol.family()
        && is_narrower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_what_all_its_names_are_below() {
        let has = |ceiling: &str, own: &str| {
            let [ceiling, own] = [ceiling, own].map(|text| text.parse().expect("a pattern"));
            has_host(&ceiling, &own)
        };
        for (ceiling, own) in [
            ("a.example", "a.example"),
            ("*.example", "a.example"),
            ("*.example", "b.a.example"),
            ("*.example", "*.example"),
            ("*.example", "*.a.example"),
        ] {
            assert!(has(ceiling, own), "{ceiling} {own}");
        }
        for (ceiling, own) in [
            ("a.example", "b.example"),
            ("a.example", "*.a.example"),
            ("*.example", "example"),
            ("*.a.example", "a.example"),
            ("*.a.example", "*.example"),
            ("*.a.example", "ba.example"),
            ("*.a.example", "*.ba.example"),
        ] {
            assert!(!has(ceiling, own), "{ceiling} {own}");
        }
    }

    #[test]
    fn a_port_is_for_the_clients_that_it_hears() {
        let has = |ceiling, own| {
            let port = |protocol| Port {
                number: 80,
                protocol,
                target_port: None,
                name: None,
            };
            has_port(&port(ceiling), &port(own))
        };
        assert!(has(Protocol::Tls, Protocol::Https));
        assert!(has(Protocol::Http, Protocol::Grpc));
        assert!(!has(Protocol::Grpc, Protocol::Http));
        assert!(!has(Protocol::Tls, Protocol::Tcp));
        assert!(!has(Protocol::Tcp, Protocol::Tls));
    }
}
