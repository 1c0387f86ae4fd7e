//! Names that hide any other: what a TLS client says in the clear when it encrypts the name it wants.

use super::finding::{At, Finding, title};
use super::{Code, Registry};
use crate::types::{Ech, HostName, HostPattern, Protocol, Service};

/// The public names (RFC 9849 section 4) of providers that serve many customers' sites.
const FRONTS: [(&str, &str); 1] = [
    // developers.cloudflare.com/ssl/edge-certificates/ech: one name for all customers.
    ("cloudflare-ech.com", "every site at Cloudflare"),
];

/// Finds services that admit such a name, whatever is encrypted beside it.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in registry
        .allowing()
        .filter(|service| looks_no_further(service))
    {
        for (item, host) in service.hosts.iter().enumerate() {
            let Some(behind) = of(host) else { continue };
            let title = format!("{}: `{host}` is {behind} that uses ECH", title(service));
            findings.push(
                Finding::new(Code::EchFront, At::item(service, "hosts", item), title)
                    .label("the name that is wanted is encrypted beside it")
                    .help("no client wants this name itself: leave it out, or set ech = \"deny\""),
            );
        }
    }
    findings
}

fn looks_no_further(service: &Service) -> bool {
    let is_tls = |protocol| matches!(protocol, Protocol::Tls | Protocol::Https);
    let mut ports = service.ports.iter();
    service.ech == Ech::AllowOuter && ports.any(|port| is_tls(port.protocol))
}

/// Whether TLS clients send `name` in the clear while they encrypt the one that they want.
pub fn hides_others(name: &HostName) -> bool {
    FRONTS.iter().any(|(front, _)| *front == name.as_str())
}

/// What is behind `host`. A wildcard above such a name is a public suffix's, which says enough.
fn of(host: &HostPattern) -> Option<&'static str> {
    let HostPattern::Exact(name) = host else {
        return None;
    };
    let found = FRONTS.iter().find(|(front, _)| *front == name.as_str());
    found.map(|(_, behind)| *behind)
}
