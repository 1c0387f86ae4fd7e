//! Why no service admits a connection, and which came nearest.

use super::rule::Rule;
use super::{Denial, Facts, Policy};
use crate::types::{Claim, DenyReason};

impl Policy {
    /// The denial of a connection that no service admits.
    pub(super) fn denial(&self, facts: &Facts<'_>) -> Denial {
        if let Some((reason, rule)) = self.nearest(facts) {
            return Denial {
                reason,
                service: Some(rule.service.clone()),
                rule: Some(rule.place.clone()),
            };
        }
        let reason = match (self.ports.get(&facts.dst.port()), facts.claim) {
            (None, _) => DenyReason::PortNotInRegistry,
            (Some(_), Claim::Malformed(reason)) => *reason,
            (Some(port), _) if !port.has_names => DenyReason::AddressNotInRegistry,
            (Some(_), claim) if claim.name().is_some() => DenyReason::HostNotInRegistry,
            (Some(_), _) => DenyReason::NoName,
        };
        Denial {
            reason,
            service: None,
            rule: None,
        }
    }

    /// The service that fails in the least: its name is right, or else its address. A client whose
    /// message was malformed has said nothing that could be near.
    fn nearest(&self, facts: &Facts<'_>) -> Option<(DenyReason, &Rule)> {
        if matches!(facts.claim, Claim::Malformed(_)) {
            return None;
        }
        self.nearest_by_name(facts)
            .or_else(|| self.nearest_by_address(facts))
    }

    fn nearest_by_name(&self, facts: &Facts<'_>) -> Option<(DenyReason, &Rule)> {
        let rules = self.names.matches(facts.claim.name()?).flatten();
        rules
            .map(|rule| (shortcoming(rule, facts), rule.as_ref()))
            .min_by_key(|(s, _)| *s)
            .map(|(shortcoming, rule)| (shortcoming.reason(), rule))
    }

    fn nearest_by_address(&self, facts: &Facts<'_>) -> Option<(DenyReason, &Rule)> {
        let port = self.ports.get(&facts.dst.port())?;
        let rule = port.covering(facts.dst.ip()).last()?;
        Some((DenyReason::ProtocolMismatch, rule))
    }
}

/// What keeps a rule with the right name from admitting a connection, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shortcoming {
    Address,
    Protocol,
    Port,
}

fn shortcoming(rule: &Rule, facts: &Facts<'_>) -> Shortcoming {
    if rule.port != facts.dst.port() {
        Shortcoming::Port
    } else if rule.protocol.is_spoken_by(facts.claim) {
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
