//! What the kernel does on one port, address by address.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::joint::JointPrefixMap;

use crate::policy::Options;
use crate::types::{
    AddressAction, OutboundTrafficPolicy, Port, Protocol, Route, Service, Transport,
};

/// What holds for one port.
#[derive(Default)]
pub(super) struct Table {
    nets: JointPrefixMap<IpNet, Judged>,
    /// What holds for all addresses, if only the gateway can judge them or they are refused.
    floor: Option<Judged>,
    /// Some service is `TCP` with addresses: where none lists it, the port is closed …
    closed: bool,
    /// … unless some service admits any address.
    open: bool,
}

/// What becomes of a destination; of several the greatest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Judged {
    /// It is let through.
    Allowed,
    /// The gateway leads it elsewhere; more specific addresses may go straight.
    Elsewhere,
    /// Only the gateway can judge it, and all that is inside.
    Asked,
    /// It is refused, and all that is inside.
    Denied,
}

impl Table {
    /// Notes what becomes of the connections that a service is for.
    pub(super) fn add(&mut self, service: &Service, port: &Port, judged: Judged) {
        if service.deny {
            return self.judge(&service.addresses, judged);
        }
        if port.protocol.sends_name() {
            self.open = true;
            return self.judge(&[], Judged::Asked);
        }
        self.closed |= port.protocol == Protocol::Tcp;
        self.open |= service.addresses.is_empty();
        self.judge(&service.addresses, judged);
    }

    /// Notes addresses, or with none all, which somebody may be admitted to; nobody else is told anything
    /// new by that.
    pub(super) fn ask(&mut self, addresses: &[IpNet]) {
        self.open |= addresses.is_empty();
        self.judge(addresses, Judged::Asked);
    }

    /// Notes what a route may lead elsewhere. Where the kernel decides, no name is read, so that a
    /// match with names does not apply.
    pub(super) fn lead(&mut self, route: &Route, port: u16) {
        let unnamed = route.matches.iter().filter(|m| m.sni_hosts.is_empty());
        for given in unnamed.filter(|m| m.port.is_none_or(|wanted| wanted == port)) {
            self.judge(&given.destination_subnets, Judged::Asked);
        }
    }

    /// Notes what becomes of these addresses; none are all.
    fn judge(&mut self, addresses: &[IpNet], judged: Judged) {
        if addresses.is_empty() {
            self.floor = self
                .floor
                .max(Some(judged).filter(|judged| judged.holds_inside()));
        }
        for net in addresses.iter().map(IpNet::trunc) {
            let known = self.nets.get(&net).copied();
            self.nets
                .insert(net, known.map_or(judged, |known| known.max(judged)));
        }
    }

    /// The port's rules: what each listed address needs, where that is not what those around it need,
    /// and what all others need.
    pub(super) fn rules(
        &self,
        transport: Transport,
        options: Options,
    ) -> Vec<(IpNet, AddressAction)> {
        let action = |net: &IpNet| self.judged(net).map(Judged::action);
        let rest = self.rest(transport, options);
        let mut rules = BTreeMap::new();
        for net in self.nets.keys() {
            let around = net.supernet().and_then(|wider| action(&wider)).or(rest);
            let own = action(&net).filter(|own| Some(*own) != around);
            rules.extend(own.map(|own| (net, own)));
        }
        // What the kernel does where it has no rule need not be said …
        let stated = rest.filter(|rest| *rest != AddressAction::Gateway);
        let [v4, v6] = every();
        // … unless one for IPv6 is so wide that it would hold for IPv4, which is mapped into it.
        let v4_rest = stated.or_else(|| self.is_wide().then(|| apart(transport, options)));
        for (net, rest) in [(v4, v4_rest), (v6, stated)] {
            if let Some(rest) = rest {
                rules.entry(net).or_insert(rest);
            }
        }
        rules.into_iter().collect()
    }

    /// What becomes of all of `net`, which need not be listed itself; `None`: nothing that is listed
    /// has it.
    fn judged(&self, net: &IpNet) -> Option<Judged> {
        // Wider ones come first.
        let listed = self.nets.cover_values(net).copied();
        let inside = |wider: Judged, own| {
            if wider.holds_inside() {
                wider.max(own)
            } else {
                own
            }
        };
        listed
            .reduce(inside)
            .map(|own| self.floor.map_or(own, |floor| floor.max(own)))
    }

    /// Whether a rule for IPv6 has the addresses that IPv4 is mapped into.
    fn is_wide(&self) -> bool {
        self.nets.cover(&MAPPED.into()).next().is_some()
    }

    /// What becomes of addresses that are not listed; `None`: the kernel has no rule.
    fn rest(&self, transport: Transport, options: Options) -> Option<AddressAction> {
        let closed = self.closed && !self.open && is_closed(options);
        match (transport, self.floor) {
            (_, Some(Judged::Denied)) => Some(AddressAction::Deny),
            (Transport::Tcp, _) if closed => Some(AddressAction::Deny),
            (Transport::Tcp, _) => Some(AddressAction::Gateway),
            (Transport::Udp, _) => None,
        }
    }
}

impl Judged {
    fn holds_inside(self) -> bool {
        self >= Self::Asked
    }

    fn action(self) -> AddressAction {
        match self {
            Self::Allowed => AddressAction::Allow,
            Self::Denied => AddressAction::Deny,
            Self::Elsewhere | Self::Asked => AddressAction::Gateway,
        }
    }
}

/// Whether what no service admits is denied.
fn is_closed(options: Options) -> bool {
    options.outbound == OutboundTrafficPolicy::RegistryOnly
}

/// IPv4 in IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

/// What the kernel does with IPv4 where it has no rule, said as a rule.
fn apart(transport: Transport, options: Options) -> AddressAction {
    match transport {
        Transport::Tcp => AddressAction::Gateway,
        Transport::Udp if is_closed(options) => AddressAction::Deny,
        Transport::Udp => AddressAction::Allow,
    }
}

/// All addresses of each family. IPv4 stands in the kernel's table beside IPv6, in its mapped form.
fn every() -> [IpNet; 2] {
    [Ipv4Net::default().into(), Ipv6Net::default().into()]
}
