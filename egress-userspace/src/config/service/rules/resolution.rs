//! What each `resolution` needs to find an address.

use serde_spanned::Spanned;

use crate::config::problem::{Problem, Span};
use crate::config::service::RawService;
use crate::types::{HostPattern, Resolution};

/// Checks that there is something to dial.
pub(super) fn check(service: &RawService, header: &Span, problems: &mut Vec<Problem>) {
    problems.extend(nothing_to_dial(service, header));
    if !service.resolution().resolves_hosts() || !service.endpoints.is_empty() {
        return;
    }
    let is_wildcard = |host: &&Spanned<_>| matches!(host.get_ref(), HostPattern::Suffix(_));
    problems.extend(service.hosts.iter().filter(is_wildcard).map(|host| {
        let label = "expected a full name with DNS";
        Problem::new(host.span(), "a wildcard has no address", label)
            .help("resolution = \"DYNAMIC_DNS\" resolves the name that the client sends")
    }));
}

fn nothing_to_dial(service: &RawService, header: &Span) -> Option<Problem> {
    let (hosts, endpoints) = (!service.hosts.is_empty(), !service.endpoints.is_empty());
    let (title, label) = match service.resolution() {
        Resolution::Static if !endpoints => (
            "STATIC has nothing to dial",
            "expected `endpoints` with addresses",
        ),
        Resolution::Dns | Resolution::DnsRoundRobin if !hosts && !endpoints => (
            "DNS has no name to resolve",
            "expected `hosts`, or `endpoints`",
        ),
        Resolution::DynamicDns if !hosts => (
            "DYNAMIC_DNS without `hosts` would resolve any name",
            "expected `hosts`",
        ),
        Resolution::None
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns => return None,
    };
    let written = service.resolution.as_ref().map(Spanned::span);
    let place = written.unwrap_or_else(|| header.clone());
    Some(Problem::new(place, title, label))
}
