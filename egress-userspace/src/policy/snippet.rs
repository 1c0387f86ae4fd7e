//! The entry of a registry that would admit one connection, and how any entry is written, as text.

use std::fmt;
use std::net::IpAddr;

use super::words::selector;
use crate::types::{HostName, Protocol, Selector, quoted};

/// Longest name of a host, or address, in the name of a service, which may have 253 bytes in all.
const MAX_STEM: usize = 240;
/// Names of services that are tried before none is found.
const MAX_TRIED: u32 = 9;

/// A connection to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Admitting<'a> {
    /// The name by which: sent in the protocol or, for `TCP`, looked up, which needs `dns.forwarder`.
    pub host: Option<&'a HostName>,
    /// The destination to which it is limited; without a host there has to be one.
    pub ip: Option<IpAddr>,
    /// The port that the client asks for, from 1.
    pub port: u16,
    /// What is spoken on it; not `UDP` where there is a host.
    pub protocol: Protocol,
    /// For whom; `None`: for everyone.
    pub from: Option<&'a Selector>,
}

impl Admitting<'_> {
    /// A `[[service]]` with nothing in it that is not needed, each key on its line. A host's name is
    /// resolved by the gateway, and an address is dialled as it is.
    ///
    /// `taken` says whether a service has a name already. `None`: there is neither a host nor an address, or
    /// no name is free.
    pub fn toml(&self, taken: impl Fn(&str) -> bool) -> Option<String> {
        let stem = match (self.host, self.ip) {
            (Some(host), _) => host.to_string(),
            (None, Some(ip)) => ip.to_string().replace(':', "-"),
            (None, None) => return None,
        };
        let stem = stem.get(stem.len().saturating_sub(MAX_STEM)..)?;
        let first = format!("{stem}-{}", self.port);
        let others = (2..=MAX_TRIED).map(|n| format!("{first}-{n}"));
        let mut names = std::iter::once(first.clone()).chain(others);
        let name = names.find(|name| !taken(name))?;

        let mut lines = Vec::new();
        if let Some(host) = self.host {
            lines.push(format!("hosts = [{}]\n", quoted(host.as_str())));
        }
        if let Some(ip) = self.ip {
            lines.push(format!("addresses = [{}]\n", quoted(&ip.to_string())));
        }
        let from = self
            .from
            .map(|from| format!("from = [{}]\n", selector(from)));
        let entry = ServiceText {
            name: &name,
            found: &lines.concat(),
            ports: &[(self.port, self.protocol)],
            from: &from.unwrap_or_default(),
            resolution: if self.host.is_some() { "DNS" } else { "NONE" },
        };
        Some(entry.to_string())
    }
}

/// A `[[service]]` as text.
#[derive(Clone, Copy, Debug)]
pub struct ServiceText<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whole lines that say what it is found by.
    pub found: &'a str,
    /// Its ports.
    pub ports: &'a [(u16, Protocol)],
    /// The line that says for whom it is, or nothing.
    pub from: &'a str,
    /// How the address is found.
    pub resolution: &'a str,
}

impl fmt::Display for ServiceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = |(number, protocol): &(u16, Protocol)| {
            let protocol = quoted(protocol.word());
            format!("{{ number = {number}, protocol = {protocol} }}")
        };
        let ports: Vec<_> = self.ports.iter().map(port).collect();
        writeln!(f, "[[service]]\nname = {}", quoted(self.name))?;
        writeln!(f, "{}ports = [{}]", self.found, ports.join(", "))?;
        writeln!(f, "{}resolution = {}", self.from, quoted(self.resolution))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_not_taken_again() {
        let host = "api.example.com".parse().expect("a name");
        let admitting = Admitting {
            host: Some(&host),
            ip: None,
            port: 443,
            protocol: Protocol::Tls,
            from: None,
        };
        let text = admitting.toml(|name| name == "api.example.com-443");
        assert_eq!(
            text.as_deref(),
            Some(
                "[[service]]\nname = \"api.example.com-443-2\"\nhosts = [\"api.example.com\"]\n\
                 ports = [{ number = 443, protocol = \"TLS\" }]\nresolution = \"DNS\"\n"
            )
        );
        assert_eq!(admitting.toml(|_| true), None);
    }

    #[test]
    fn without_a_destination_there_is_nothing_to_admit() {
        let admitting = Admitting {
            host: None,
            ip: None,
            port: 443,
            protocol: Protocol::Tls,
            from: None,
        };
        assert_eq!(admitting.toml(|_| false), None);
    }
}
