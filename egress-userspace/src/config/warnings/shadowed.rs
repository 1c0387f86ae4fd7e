//! Services that can never admit what they list, as another denies all of it.

use std::collections::HashMap;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use super::finding::{At, Finding, title};
use super::names::{Key, covering, key};
use super::{Code, Registry};
use crate::types::{HostPattern, Port, Protocol, Service};

/// Denying services that are looked at for one name or network: enough for any registry that a person
/// wrote, and few enough that a large one takes no time.
const MAX_LOOKED_AT: usize = 64;

/// Finds hosts, and whole services, that are denied whoever asks and wherever it leads.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let denials = Denials::of(registry);
    if denials.is_empty() {
        return Vec::new();
    }
    let services = registry.allowing();
    services
        .flat_map(|service| shadowed(service, &denials))
        .collect()
}

fn shadowed<'a>(service: &'a Service, denials: &Denials<'a>) -> Vec<Finding> {
    if service.hosts.is_empty() {
        let denying = denials.all_of(service, None);
        let finding = denying.map(|by| whole(service, by));
        return finding.into_iter().collect();
    }
    let hosts = service.hosts.iter().enumerate();
    let denied: Vec<_> = hosts
        .filter_map(|(item, host)| Some((item, host, denials.all_of(service, Some(host))?)))
        .collect();
    match denied.as_slice() {
        [(_, _, by), ..] if denied.len() == service.hosts.len() => vec![whole(service, by)],
        _ => denied
            .into_iter()
            .map(|(item, host, by)| {
                let title = format!("{}: `{host}` is always denied", title(service));
                let at = At::item(service, "hosts", item);
                finding(at, title, by)
            })
            .collect(),
    }
}

fn whole(service: &Service, by: &Service) -> Finding {
    let title = format!("{}: all that it lists is denied", title(service));
    finding(At::key(service, "name"), title, by)
}

fn finding(at: At, title: String, by: &Service) -> Finding {
    Finding::new(Code::Shadowed, at, title)
        .label("never admitted")
        .help("a service that denies comes before all that allow: make that one narrower, or leave this one out")
        .other(At::key(by, "name"), "denied here")
}

/// The denying services, by what they are found with.
#[derive(Default)]
struct Denials<'a> {
    by_name: HashMap<(Key<'a>, u16), Vec<Denial<'a>>>,
    by_address: HashMap<u16, JointPrefixMap<IpNet, Vec<Denial<'a>>>>,
    anywhere: HashMap<u16, Vec<Denial<'a>>>,
}

/// A port of a denying service.
#[derive(Clone, Copy)]
struct Denial<'a> {
    service: &'a Service,
    protocol: Protocol,
}

/// What a service admits: on a port, by a name or without, to a network or anywhere.
#[derive(Clone, Copy)]
struct Admitted<'a> {
    service: &'a Service,
    port: &'a Port,
    host: Option<&'a HostPattern>,
    net: Option<&'a IpNet>,
}

impl<'a> Denials<'a> {
    fn of(registry: &Registry<'a>) -> Self {
        let mut denials = Self::default();
        for service in registry.services().filter(|service| service.deny) {
            for port in &service.ports {
                denials.add(service, port);
            }
        }
        denials
    }

    fn add(&mut self, service: &'a Service, port: &Port) {
        let denial = Denial {
            service,
            protocol: port.protocol,
        };
        if !service.hosts.is_empty() {
            // Which names a caller has learned for an address is not known here.
            if port.protocol.sends_name() {
                for host in &service.hosts {
                    let found = self.by_name.entry((key(host), port.number));
                    found.or_default().push(denial);
                }
            }
        } else if service.addresses.is_empty() {
            self.anywhere.entry(port.number).or_default().push(denial);
        } else {
            let nets = self.by_address.entry(port.number).or_default();
            for net in &service.addresses {
                nets.entry(*net).or_default().push(denial);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.by_address.is_empty() && self.anywhere.is_empty()
    }

    /// A service that denies, if on each port and to each network that `service` admits with `host`,
    /// one does.
    fn all_of(&self, service: &'a Service, host: Option<&'a HostPattern>) -> Option<&'a Service> {
        let mut by = None;
        for port in &service.ports {
            let nets = service.addresses.iter().map(Some);
            let anywhere = service.addresses.is_empty().then_some(None);
            for net in nets.chain(anywhere) {
                let admitted = Admitted {
                    service,
                    port,
                    host: host.filter(|_| port.protocol.sends_name()),
                    net,
                };
                by = Some(self.one_of(admitted)?);
            }
        }
        by
    }

    fn one_of(&self, admitted: Admitted<'_>) -> Option<&'a Service> {
        let number = admitted.port.number;
        let keys = admitted.host.into_iter().flat_map(covering);
        let by_name = keys.filter_map(|key| self.by_name.get(&(key, number)));
        let nets = self.by_address.get(&number).zip(admitted.net);
        let by_address = nets
            .into_iter()
            .flat_map(|(nets, net)| nets.cover_values(net));
        let found = by_name
            .chain(by_address)
            .chain(self.anywhere.get(&number))
            .flat_map(|denials| denials.iter().take(MAX_LOOKED_AT));
        let mut denying = found.filter(|denial| denial.has(admitted));
        denying.next().map(|denial| denial.service)
    }
}

impl Denial<'_> {
    /// Whether it denies all of `admitted`, whose name, if there is one, it has.
    fn has(&self, admitted: Admitted<'_>) -> bool {
        let Admitted {
            service, port, net, ..
        } = admitted;
        let (own, nets) = (&self.service.from, &self.service.addresses);
        speaks(self.protocol, port.protocol)
            && (own.is_empty()
                || !service.from.is_empty() && service.from.iter().all(|who| own.contains(who)))
            && (nets.is_empty() || net.is_some_and(|net| nets.iter().any(|own| own.contains(net))))
    }
}

/// Whether every client of `protocol` is judged by a rule for `rule`.
fn speaks(rule: Protocol, protocol: Protocol) -> bool {
    match rule {
        Protocol::Tcp => protocol != Protocol::Udp,
        Protocol::Udp => protocol == Protocol::Udp,
        Protocol::Http2 | Protocol::Grpc => matches!(protocol, Protocol::Http2 | Protocol::Grpc),
        Protocol::Http | Protocol::Tls | Protocol::Https => protocol.family() == rule.family(),
    }
}
