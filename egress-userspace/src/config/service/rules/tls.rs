//! TLS that the gateway originates.

use crate::config::problem::Problem;
use crate::config::service::RawService;
use crate::types::{Protocol, Resolution};

/// Checks where it is originated, and what is checked of the upstream.
pub(super) fn check(service: &RawService, problems: &mut Vec<Problem>) {
    let policy = service
        .traffic_policy
        .as_ref()
        .map(|policy| policy.get_ref());
    let originates = policy.filter(|policy| policy.originates_tls());
    let Some(tls) = originates.and_then(|policy| policy.tls.as_ref()) else {
        problems.extend(service.subject_alt_names.first().map(|name| {
            let title = "`subject_alt_names` have no effect: the gateway originates no TLS";
            let label = "expected `traffic_policy.tls` in this service";
            Problem::new(name.span(), title, label)
        }));
        return;
    };
    let ports = service.ports.iter();
    let encrypted = ports.filter(|port| port.get_ref().protocol.family() == Protocol::Tls.family());
    problems.extend(encrypted.map(|port| {
        let title = "`traffic_policy.tls` would put the client's TLS into another one";
        let label = "expected HTTP, HTTP2, GRPC or TCP";
        Problem::new(port.span(), title, label).help("give the port a service of its own")
    }));
    let chosen = match service.resolution() {
        Resolution::None => "NONE",
        Resolution::DynamicDns
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin => {
            return;
        }
    };
    let title =
        format!("`traffic_policy.tls` with {chosen} would go to an address that the client chose");
    let label = "expected resolution STATIC or one of DNS";
    problems.push(Problem::new(tls.span(), title, label));
}
