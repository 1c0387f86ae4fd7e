//! What the services of a configuration are matched on: a second one that is matched on the same is an error.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use ipnet::IpNet;

use super::wanted::{By, Port, Wanted};
use crate::types::{HostPattern, Protocol, Service};

/// What a service is matched on, for all callers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    host: Option<HostPattern>,
    net: Option<IpNet>,
    port: u16,
    family: &'static str,
}

/// All that is taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    keys: HashSet<Key, RandomState>,
    /// Host patterns with ports, whether or not they admit for everyone.
    said: HashSet<(HostPattern, u16, &'static str), RandomState>,
}

impl Taken {
    /// By these services.
    pub(super) fn by(services: &[Service]) -> Self {
        let mut taken = Self::default();
        for service in services {
            for port in &service.ports {
                let hosts = &service.hosts;
                let said = hosts
                    .iter()
                    .map(|host| (host.clone(), port.number, port.protocol.family()));
                taken.said.extend(said);
                if !service.deny && service.from.is_empty() {
                    taken.add(service, port.number, port.protocol);
                }
            }
        }
        taken
    }

    fn add(&mut self, service: &Service, port: u16, protocol: Protocol) {
        let hosts = service.hosts.iter().filter(|_| protocol != Protocol::Udp);
        let hosts: Vec<_> = hosts.cloned().map(Some).collect();
        let nets: Vec<_> = service.addresses.iter().copied().map(Some).collect();
        for host in or_none(hosts) {
            for net in or_none(nets.clone()) {
                let (host, family) = (host.clone(), protocol.family());
                self.keys.insert(Key {
                    host,
                    net,
                    port,
                    family,
                });
            }
        }
    }

    /// Whether a service has exactly this.
    pub(super) fn has(&self, wanted: &Wanted) -> bool {
        let (host, net) = match &wanted.by {
            By::Host(name) => (Some(HostPattern::Exact(name.clone())), None),
            By::HostAt(name, ip) => (
                Some(HostPattern::Exact(name.clone())),
                Some(IpNet::from(*ip)),
            ),
            By::Address(ip) => (None, Some(IpNet::from(*ip))),
        };
        self.has_key(host, net, wanted.port)
    }

    /// Whether a service has exactly this pattern.
    pub(super) fn has_pattern(&self, host: &HostPattern, port: Port) -> bool {
        self.has_key(Some(host.clone()), None, port)
    }

    /// Whether a service says something of this pattern, for whomever.
    pub(super) fn says(&self, host: &HostPattern, port: Port) -> bool {
        let family = port.speaks.protocol().family();
        self.said.contains(&(host.clone(), port.number, family))
    }

    fn has_key(&self, host: Option<HostPattern>, net: Option<IpNet>, port: Port) -> bool {
        let key = Key {
            host,
            net,
            port: port.number,
            family: port.speaks.protocol().family(),
        };
        self.keys.contains(&key)
    }
}

fn or_none<T>(items: Vec<Option<T>>) -> Vec<Option<T>> {
    if items.is_empty() { vec![None] } else { items }
}
