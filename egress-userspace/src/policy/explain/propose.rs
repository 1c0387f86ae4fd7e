//! What would have to be added for a connection to be admitted.

use super::asked::Asked;
use super::{Miss, Question};
use crate::policy::Policy;
use crate::policy::snippet::Admitting;
use crate::types::{DenyReason, HostName};

impl Policy {
    /// A service that would admit what is denied; `None`: nothing that is added would, or what has to be
    /// changed is in a service that there is.
    pub(super) fn admitting(
        &self,
        reason: DenyReason,
        question: &Question,
        asked: &Asked,
        nearest: &[Miss],
        taken: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let given_ip = asked.assumed.ip.is_none().then(|| asked.dst.ip());
        let from = match reason {
            // Nothing to go by, or what cannot be written as a pattern.
            DenyReason::CallerNotAllowed => Some(question.caller.selector()?),
            _ => None,
        };
        match reason {
            // Two services of one family of protocols, with the same names, could not be told apart.
            DenyReason::ProtocolMismatch
                if self.has_family(asked, nearest.first().map(|miss| &*miss.service)) =>
            {
                return None;
            }
            DenyReason::PortNotInRegistry
            | DenyReason::DnsEncrypted
            | DenyReason::HostNotInRegistry
            | DenyReason::AddressNotInRegistry
            | DenyReason::NoName
            | DenyReason::PortMismatch
            | DenyReason::ProtocolMismatch
            | DenyReason::AddressMismatch
            | DenyReason::CallerNotAllowed => {}
            _ => return None,
        }
        // A name is something to go by only where the gateway gets to know it.
        let name_is_known = asked.claim.name().is_some() || !asked.learned.is_empty();
        let by_name: Option<&HostName> = asked.host.as_ref().filter(|_| name_is_known);
        let towards =
            given_ip.filter(|_| by_name.is_none() || reason == DenyReason::AddressMismatch);
        let admitting = Admitting {
            host: by_name,
            ip: towards,
            port: asked.dst.port(),
            protocol: asked.heard().protocol(),
            from: from.as_ref(),
        };
        admitting.toml(taken)
    }

    /// Whether a service has the port for a protocol of the family that the client speaks.
    fn has_family(&self, asked: &Asked, service: Option<&str>) -> bool {
        let id = service.and_then(|name| self.registry.find(name));
        let profile = id.and_then(|id| self.registry.profile(id));
        let family = asked.heard().protocol().family();
        profile.is_some_and(|profile| {
            let mut lines = profile.on(asked.dst.port());
            lines.any(|line| line.protocol.family() == family)
        })
    }
}
