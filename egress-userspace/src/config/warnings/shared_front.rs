//! Wildcards of clouds and tunnels: whoever has an account has a name below them, and a machine of
//! their own behind it.

use super::finding::{At, Finding, title};
use super::{Code, Registry};
use crate::types::{HostName, HostPattern};

/// Names below these lead to machines of whoever asked for one.
const FRONTS: [(&str, &str); 27] = [
    ("akamaihd.net", CDN),
    ("akamaized.net", CDN),
    ("amazonaws.com", CLOUD),
    ("appspot.com", CLOUD),
    ("azureedge.net", CDN),
    ("azurefd.net", CDN),
    ("azurewebsites.net", CLOUD),
    ("b-cdn.net", CDN),
    ("cloudapp.net", CLOUD),
    ("cloudfront.net", CDN),
    ("cloudfunctions.net", CLOUD),
    ("edgekey.net", CDN),
    ("edgesuite.net", CDN),
    ("fastly.net", CDN),
    ("firebaseapp.com", CLOUD),
    ("fly.dev", CLOUD),
    ("herokuapp.com", CLOUD),
    ("netlify.app", CLOUD),
    ("ngrok-free.app", TUNNEL),
    ("ngrok.app", TUNNEL),
    ("ngrok.io", TUNNEL),
    ("pages.dev", CLOUD),
    ("run.app", CLOUD),
    ("trycloudflare.com", TUNNEL),
    ("vercel.app", CLOUD),
    ("windows.net", CLOUD),
    ("workers.dev", CLOUD),
];

const CDN: &str = "a content network's: every customer's origin is behind some name below it";
const CLOUD: &str = "a cloud's: every customer's servers and buckets have names below it";
const TUNNEL: &str = "a tunnel's: any machine, behind any firewall, can have a name below it";

/// Finds wildcards of shared fronts.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in registry.allowing() {
        for (item, host) in service.hosts.iter().enumerate() {
            let HostPattern::Suffix(name) = host else {
                continue;
            };
            let Some(reason) = of(name.as_str()) else {
                continue;
            };
            let at = At::item(service, "hosts", item);
            let title = format!("{}: `{host}` admits names of anyone's", title(service));
            findings.push(
                Finding::new(Code::SharedFront, at, title)
                    .label(reason)
                    .help("list the names that are wanted: data can leave to any other of them"),
            );
        }
    }
    findings
}

/// Whether all names below `name` are of one owner: someone registered it, or a name above it, and it is
/// not behind a shared front.
pub fn has_one_owner(name: &HostName) -> bool {
    let name = name.as_str();
    let above = name
        .match_indices('.')
        .filter_map(|(dot, _)| name.get(dot + 1..));
    let mut self_and_above = std::iter::once(name).chain(above);
    psl::domain_str(name).is_some() && self_and_above.all(|name| of(name).is_none())
}

/// What `name` is, if it is one of them.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let found = FRONTS.binary_search_by_key(&name, |(front, _)| front);
    FRONTS.get(found.ok()?).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_so_can_be_searched() {
        assert!(FRONTS.is_sorted_by_key(|(front, _)| front));
        assert_eq!(of("cloudfront.net"), Some(CDN));
        assert_eq!(of("d111111abcdef8.cloudfront.net"), None);
    }

    #[test]
    fn a_wildcard_has_one_owner_below_a_registered_name_that_is_no_front() {
        for (name, owned) in [
            ("example.com", true),
            ("cdn.example.com", true),
            ("shop.github.io", true),
            ("com", false),
            ("co.uk", false),
            ("github.io", false),
            ("cloudfront.net", false),
            ("database.windows.net", false),
            ("internal", false),
        ] {
            let name: HostName = name.parse().expect("a name");
            assert_eq!(has_one_owner(&name), owned, "{name}");
        }
    }
}
