//! Addresses, networks and names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::mistakes;
use super::problem::Problem;
use super::value::{Reject, Value, string};
use crate::types::{EndpointAddress, HostName, HostPattern, HostPatternError, Locality};

/// Where DNS servers listen (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

/// Region, zone and subzone, as Istio has them.
const LOCALITY_PARTS: usize = 3;
/// Longest locality: three names of any cloud's, with room.
const MAX_LOCALITY: usize = 128;

/// A network inside the mesh: all IPv4 or all IPv6.
///
/// The kernel looks both up in one table, IPv4 in its mapped form. An IPv6 network so large that this
/// form is in it would let all of IPv4 pass as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalNet(IpNet);

impl InternalNet {
    /// The network.
    pub fn net(self) -> IpNet {
        self.0
    }
}

impl Value for InternalNet {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let net = IpNet::read(value, problems)?;
        let mapped = IpAddr::from(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped());
        if net.contains(&mapped) {
            let title = format!("{net} has IPv4 in it, in its mapped form ::ffff:0:0/96");
            let problem = Problem::new(value.span(), title, "expected a smaller IPv6 network");
            problems.push(problem.help("for all global IPv6 addresses write \"2000::/3\""));
            return None;
        }
        Some(Self(net))
    }
}

/// An address is the network of itself alone. Host bits are refused: they say that one address was
/// meant, or a mistyped prefix.
impl Value for IpNet {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "an address or a CIDR such as \"192.0.2.0/24\"",
            |text| {
                let net = match text.parse::<IpAddr>() {
                    Ok(ip) => Self::from(ip),
                    Err(_) => text.parse().map_err(|_| {
                        Reject::new(format!("{text:?} is no address and no network"))
                    })?,
                };
                if net.addr() != net.network() {
                    let (ip, net) = (net.addr(), net.trunc());
                    return Err(Reject::new("the CIDR has bits set after its prefix").help(
                        format!("for the network write \"{net}\", for one address \"{ip}\""),
                    ));
                }
                match net {
                    Self::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => {
                        let v4 = v6.addr().to_canonical();
                        Err(Reject::new(
                            "an IPv4-mapped address never matches: IPv4 is judged as IPv4",
                        )
                        .help(format!("write the IPv4 form, as in \"{v4}\"")))
                    }
                    net => Ok(net),
                }
            },
        )
    }
}

/// A DNS server: an address, and a port unless it is the usual one.
impl Value for SocketAddr {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "\"192.0.2.53\", \"192.0.2.53:5353\" or \"[2001:db8::53]:53\"",
            |text| {
                let alone = text.parse::<IpAddr>().map(|ip| Self::new(ip, DNS_PORT));
                alone
                    .or_else(|_| text.parse())
                    .map_err(|_| Reject::new(format!("{text:?} is not a server's address")))
            },
        )
    }
}

/// An address to listen on, or none.
impl Value for Option<SocketAddr> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "an address with a port, or \"off\"",
            |text| {
                if text == "off" {
                    return Ok(None);
                }
                let address = text.parse().map(Some);
                address.map_err(|_| Reject::new(format!("{text:?} is no address to listen on")))
            },
        )
    }
}

/// An address that only processes of the same network namespace reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopbackAddr(SocketAddr);

impl LoopbackAddr {
    /// The address.
    pub fn socket_addr(self) -> SocketAddr {
        self.0
    }
}

impl Value for Option<LoopbackAddr> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        match Option::<SocketAddr>::read(value, problems)? {
            None => Some(None),
            Some(address) if address.ip().is_loopback() => Some(Some(LoopbackAddr(address))),
            Some(address) => {
                let title = format!("{} is not a loopback address", address.ip());
                let label = "expected one of 127.0.0.0/8, or [::1]";
                problems.push(Problem::new(value.span(), title, label).help(
                    "nobody is asked who they are there: others reach the socket, or nothing",
                ));
                None
            }
        }
    }
}

impl Value for HostPattern {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(value, problems, "a name, or `*.` and a name", |text| {
            text.parse().map_err(|error| {
                if let Some((title, help)) = mistakes::in_host(text) {
                    return Reject::new(title).help(help);
                }
                let help = match &error {
                    HostPatternError::BareStar => Some(
                        "to let everything through, set gateway.outbound_traffic_policy".into(),
                    ),
                    HostPatternError::Name(crate::types::HostNameError::Address(_)) => {
                        Some("put it in `addresses`".into())
                    }
                    _ => None,
                };
                Reject::new(error).maybe_help(help)
            })
        })
    }
}

impl Value for HostName {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(value, problems, "a name", |text| {
            text.parse().map_err(Reject::new)
        })
    }
}

impl Value for Locality {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "\"region\", \"region/zone\" or \"region/zone/subzone\"";
        string(value, problems, expected, |text| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_name = |part: &str| !part.is_empty() && part.chars().all(allowed);
            if text.len() > MAX_LOCALITY
                || text.split('/').count() > LOCALITY_PARTS
                || !text.split('/').all(is_name)
            {
                return Err(Reject::new(format!("{text:?} is no locality")));
            }
            Ok(Self::new(text))
        })
    }
}

/// Where something is, if that is said.
impl Value for Option<Locality> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        Locality::read(value, problems).map(Some)
    }
}

impl Value for EndpointAddress {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "an address or a name, without a port",
            |text| {
                if let Ok(ip) = text.parse() {
                    return Ok(Self::Ip(ip));
                }
                text.parse().map(Self::Name).map_err(|error| {
                    if text.parse::<SocketAddr>().is_ok() {
                        let reject = Reject::new("an endpoint's address has no port in it");
                        return reject.help("the port belongs in the endpoint's `ports`");
                    }
                    match mistakes::in_host(text) {
                        Some((title, help)) => Reject::new(title).help(help),
                        None => Reject::new(error),
                    }
                })
            },
        )
    }
}
