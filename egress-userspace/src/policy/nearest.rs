//! Why no service admits a connection, and which came nearest.

use super::permit::Denial;
use super::profile::{By, Line};
use super::{Facts, Policy};
use crate::types::{Claim, DenyReason};

/// DNS over TLS (RFC 7858 section 3.1).
const DNS_OVER_TLS: u16 = 853;

impl Policy {
    /// The denial of a connection that a service has to do with.
    pub(super) fn denial_by(&self, reason: DenyReason, id: u32) -> Denial {
        Denial {
            reason,
            service: Some(self.registry.name(id)),
            rule: Some(self.registry.place(id)),
        }
    }

    /// The denial of a connection that neither a service matches, nor one of the caller's namespace's own.
    pub(super) fn denial_of_all(&self, facts: &Facts<'_>) -> Denial {
        let knows_more = |own: &&Self| {
            let knows_port = |layer: &Self| layer.ports.contains_key(&facts.dst.port());
            self.nearest(facts).is_none()
                && (own.nearest(facts).is_some() || !knows_port(self) && knows_port(own))
        };
        let own = self.own_of(facts.caller).filter(knows_more);
        own.unwrap_or(self).denial(facts)
    }

    /// The denial of a connection that no service matches.
    fn denial(&self, facts: &Facts<'_>) -> Denial {
        if let Some((reason, id)) = self.nearest(facts) {
            return self.denial_by(reason, id);
        }
        let reason = match (self.ports.get(&facts.dst.port()), facts.claim) {
            (None, _) if facts.dst.port() == DNS_OVER_TLS => DenyReason::DnsEncrypted,
            (None, _) => DenyReason::PortNotInRegistry,
            (Some(_), Claim::Malformed(reason)) => *reason,
            (Some(port), _) if !port.has_names => DenyReason::AddressNotInRegistry,
            (Some(_), claim) if claim.name().is_some() => DenyReason::HostNotInRegistry,
            (Some(_), _) => DenyReason::NoName,
        };
        reason.into()
    }

    /// The service that fails in the least: its name is right, or else its address. A client whose
    /// message was malformed has said nothing that could be near.
    fn nearest(&self, facts: &Facts<'_>) -> Option<(DenyReason, u32)> {
        if matches!(facts.claim, Claim::Malformed(_)) {
            return None;
        }
        self.nearest_by_name(facts)
            .or_else(|| self.nearest_by_address(facts))
    }

    fn nearest_by_name(&self, facts: &Facts<'_>) -> Option<(DenyReason, u32)> {
        let sent = facts.claim.name().map(|name| (By::Claim, name));
        let learned = facts.learned.iter().map(|name| (By::Learned, name));
        let ids = sent.into_iter().chain(learned).flat_map(|(by, name)| {
            let lists = self.names.matches(name);
            lists.flat_map(move |(_, ids)| ids.all().map(move |id| (by, id)))
        });
        let near = ids.filter_map(|(by, id)| {
            let profile = self.registry.profile(id).filter(|profile| !profile.deny)?;
            let lines = profile.lines().iter().filter(|line| line.by == by);
            Some((lines.map(|line| shortcoming(line, facts)).min()?, id))
        });
        near.min_by_key(|(shortcoming, _)| *shortcoming)
            .map(|(shortcoming, id)| (shortcoming.reason(), id))
    }

    fn nearest_by_address(&self, facts: &Facts<'_>) -> Option<(DenyReason, u32)> {
        let port = self.ports.get(&facts.dst.port())?;
        let allows = |id: &u32| self.registry.profile(*id).is_some_and(|p| !p.deny);
        let id = port.covering(facts.dst.ip()).filter(allows).last()?;
        Some((DenyReason::ProtocolMismatch, id))
    }
}

/// What keeps a service with the right name from admitting a connection, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shortcoming {
    Address,
    Protocol,
    Port,
}

pub(super) fn shortcoming(line: &Line, facts: &Facts<'_>) -> Shortcoming {
    if line.port != facts.dst.port() {
        Shortcoming::Port
    } else if line.protocol.is_spoken_by(facts.claim) {
        Shortcoming::Address
    } else {
        Shortcoming::Protocol
    }
}

impl Shortcoming {
    fn reason(self) -> DenyReason {
        match self {
            Self::Address => DenyReason::AddressMismatch,
            Self::Protocol => DenyReason::ProtocolMismatch,
            Self::Port => DenyReason::PortMismatch,
        }
    }
}
