//! Addresses that are so many that they are no list.

use ipnet::IpNet;

use super::finding::{At, Finding, title};
use super::{Code, Registry};
use crate::types::Service;

/// No organisation has more IPv4 addresses in one piece than a /8.
const WIDEST_V4: u8 = 8;
/// A registry hands out IPv6 by the /16 at most, and to its whole region.
const WIDEST_V6: u8 = 16;

/// Finds wide networks where nothing but the address decides.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in registry.allowing().filter(|service| by_address(service)) {
        let wide = service
            .addresses
            .iter()
            .enumerate()
            .filter(|(_, net)| is_wide(net));
        findings.extend(wide.map(|(item, net)| {
            let what = match (net.prefix_len(), net) {
                (0, IpNet::V4(_)) => "every IPv4 address".into(),
                (0, IpNet::V6(_)) => "every IPv6 address".into(),
                (length, IpNet::V4(_)) => format!("1/{} of all IPv4 addresses", share(length)),
                (length, IpNet::V6(_)) => format!("1/{} of all IPv6 addresses", share(length)),
            };
            let title = format!("{}: {net} is {what}", title(service));
            Finding::new(
                Code::WideAddresses,
                At::item(service, "addresses", item),
                title,
            )
            .label("no name is asked for here: the address alone admits")
            .help("list the networks that are wanted, or admit by `hosts`")
        }));
    }
    findings
}

/// How many networks of this length there are; only wide ones are asked about.
fn share(length: u8) -> u32 {
    1 << length.min(WIDEST_V6)
}

fn by_address(service: &Service) -> bool {
    service.hosts.is_empty() || service.ports.iter().any(|port| !port.protocol.sends_name())
}

fn is_wide(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < WIDEST_V4,
        IpNet::V6(net) => net.prefix_len() < WIDEST_V6,
    }
}
