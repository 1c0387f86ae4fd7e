//! What a decision is: a permit that can be dialled, or a denial with its reason.

use std::net::IpAddr;
use std::sync::Arc;

use super::target::{Required, Target};
use super::terms::Terms;
use crate::types::{
    DenyReason, HostName, HttpJudging, OriginalDst, Place, PodMode, Protocol, ServiceName,
};

/// The outcome of [`decide`](super::Policy::decide).
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The connection may be made.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenyReason,
    /// The service that denies it, or came nearest, if one did.
    pub service: Option<ServiceName>,
    /// Where that service is written.
    pub rule: Option<Place>,
}

impl From<DenyReason> for Denial {
    /// One that no service has to do with.
    fn from(reason: DenyReason) -> Self {
        Self {
            reason,
            service: None,
            rule: None,
        }
    }
}

/// The right to one connection. Only this module makes one, and dialling takes nothing else.
#[derive(Clone, Debug)]
pub struct Permit {
    admission: Option<Admission>,
    way: Way,
    // Few permits have one, and all are kept for as long as their connection lives.
    required: Option<Box<Required>>,
    would_deny: Option<Box<Denial>>,
    mode: PodMode,
    judges_requests: bool,
}

/// Who admits a connection.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    pub(super) service: ServiceName,
    pub(super) rule: Place,
    /// The name by which the service was found, if it is one that the DNS forwarder told the client.
    pub(super) learned: Option<HostName>,
}

/// Where an admitted connection goes, and on which terms.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The route that leads it elsewhere, and the service there.
    pub(super) route: Option<Box<(Arc<str>, ServiceName)>>,
    pub(super) terms: Arc<Terms>,
    pub(super) target: Target,
}

impl Permit {
    /// A permit that no policy gave, for the tests of what takes permits.
    #[cfg(test)]
    pub(crate) fn for_test(target: Target, terms: Terms) -> Self {
        Self {
            admission: None,
            way: Way {
                route: None,
                terms: Arc::new(terms),
                target,
            },
            required: None,
            would_deny: None,
            mode: PodMode::Enforce,
            judges_requests: false,
        }
    }

    /// The same, if `required` holds.
    #[cfg(test)]
    pub(crate) fn requiring(self, required: Required) -> Self {
        Self {
            required: Some(Box::new(required)),
            ..self
        }
    }

    /// The same, from this service.
    #[cfg(test)]
    pub(crate) fn by(self, service: ServiceName) -> Self {
        let admission = Admission {
            service,
            rule: Place::default(),
            learned: None,
        };
        Self {
            admission: Some(admission),
            ..self
        }
    }

    /// The same, led to another service by a route.
    #[cfg(test)]
    pub(crate) fn routed(mut self, service: ServiceName) -> Self {
        self.way.route = Some(Box::new(("a route".into(), service)));
        self
    }

    /// For a connection that a service admits.
    pub(super) fn admitted(
        admission: Admission,
        way: Way,
        required: Option<Required>,
        mode: PodMode,
    ) -> Self {
        Self {
            admission: Some(admission),
            way,
            required: required.map(Box::new),
            would_deny: None,
            mode,
            judges_requests: false,
        }
    }

    /// For a connection on a port where this is spoken.
    pub(super) fn spoken(self, protocol: Protocol) -> Self {
        let in_the_clear = matches!(protocol, Protocol::Http | Protocol::Http2 | Protocol::Grpc);
        Self {
            judges_requests: in_the_clear && self.way.terms.http == HttpJudging::EveryRequest,
            ..self
        }
    }

    /// For a connection that no service admits, to where the client wanted to go.
    pub(super) fn passed(dst: OriginalDst, would_deny: Option<Denial>, mode: PodMode) -> Self {
        Self {
            admission: None,
            way: Way {
                route: None,
                terms: Arc::default(),
                target: Target::Address(dst.socket_addr()),
            },
            required: None,
            would_deny: would_deny.map(Box::new),
            mode,
            judges_requests: false,
        }
    }

    /// Takes the permit back because of what dialling found, such as an answer that is refused.
    /// In audit mode the connection goes where the client wanted to go instead.
    pub fn refuse(self, reason: DenyReason, dst: OriginalDst) -> Verdict {
        let denial = Denial {
            service: self.service().cloned(),
            rule: self.rule().cloned(),
            ..reason.into()
        };
        match self.mode {
            PodMode::Enforce => Verdict::Deny(denial),
            PodMode::Audit => Verdict::Permit(Self::passed(dst, Some(denial), self.mode)),
            PodMode::Off => Verdict::Permit(Self::passed(dst, None, self.mode)),
        }
    }

    /// The service that admitted the connection; `None`: passed through unregistered.
    pub fn service(&self) -> Option<&ServiceName> {
        self.admission.as_ref().map(|admission| &admission.service)
    }

    /// Where that service is written.
    pub fn rule(&self) -> Option<&Place> {
        self.admission.as_ref().map(|admission| &admission.rule)
    }

    /// The name by which that service was found, where the client sent none and the DNS forwarder had
    /// told it one.
    pub fn learned(&self) -> Option<&HostName> {
        self.admission.as_ref()?.learned.as_ref()
    }

    /// The route that leads it elsewhere.
    pub fn route(&self) -> Option<&str> {
        self.way.route.as_deref().map(|(name, _)| name.as_ref())
    }

    /// The service that it leads to, whose bounds it counts towards: a route's, else the one that
    /// admitted it.
    pub fn destination(&self) -> Option<&ServiceName> {
        let routed = self.way.route.as_deref().map(|(_, service)| service);
        routed.or_else(|| self.service())
    }

    /// What the service it leads to says of its connections. Which requests are judged, and what
    /// becomes of it when it is forbidden, is for the service that admitted it to say.
    pub fn terms(&self) -> &Terms {
        &self.way.terms
    }

    /// Whether each request on the connection is to be judged, and not only its first.
    pub fn judges_requests(&self) -> bool {
        self.judges_requests
    }

    /// Where to dial.
    pub fn target(&self) -> &Target {
        &self.way.target
    }

    /// Whether a connection that was made by `other` is one that this permit gives: to the same place,
    /// on the same terms, with nothing required that was not found to hold.
    pub fn leads_as(&self, other: &Self) -> bool {
        self.service() == other.service()
            && self.destination() == other.destination()
            && self.target() == other.target()
            && (self.required.is_none() || self.required == other.required)
    }

    /// What must hold before anything is dialled; if it does not, that is `sni_ip_mismatch`.
    pub fn required(&self) -> Option<&Required> {
        self.required.as_deref()
    }

    /// Whether the service it leads to lists `ip` in its `addresses`: then a resolved answer may be it
    /// although it is not public.
    pub fn lists(&self, ip: IpAddr) -> bool {
        self.way.terms.lists(ip)
    }

    /// What enforcement would have said, in audit mode.
    pub fn would_deny(&self) -> Option<&Denial> {
        self.would_deny.as_deref()
    }
}
