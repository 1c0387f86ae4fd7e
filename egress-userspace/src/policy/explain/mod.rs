//! Why a connection is admitted or denied, and what came near to admitting it.
//!
//! The verdict, its reason and the service are [`Policy::decide`]'s: nothing here judges. What came near is
//! found in the compiled registry, in time that grows with it only where a loop says so, and then by
//! nanoseconds a service. What no registry says, such as where a name leads, is said to be unknown.

mod answer;
mod asked;
mod describe;
mod near;
mod notes;
mod propose;
mod question;
mod slips;
mod surroundings;
mod who;

pub use answer::{Connection, Explanation, Kind, LetThrough, Miss, Said};
pub use question::{InvalidQuestion, NoSpeech, Question, Speech, Who};
pub use surroundings::Surroundings;

use super::{Denial, Facts, Policy, Verdict};
use crate::types::{DenyReason, PodMode, ServiceName};
use asked::Asked;

/// Most misses that are told: who looks for a mistake wants the nearest, not a list of the registry.
pub const MAX_MISSES: usize = 5;

/// What the policy says of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ruled {
    pub(super) verdict: Said,
    pub(super) let_through: Option<LetThrough>,
    pub(super) reason: Option<DenyReason>,
    pub(super) service: Option<ServiceName>,
    pub(super) rule: Option<String>,
    pub(super) route: Option<String>,
}

impl Policy {
    /// Answers a question. Takes milliseconds where the registry has a million services.
    pub fn explain(
        &self,
        question: &Question,
        surroundings: &Surroundings,
    ) -> Result<Explanation, InvalidQuestion> {
        let asked = self.asked(question)?;
        if let Some(why) = surroundings.let_through(&asked) {
            let ruled = Ruled::passed(why);
            return Ok(ruled.explanation(&asked));
        }
        let facts = asked.facts();
        let ruled = self.ruled(&facts);
        let (nearest, left_out) = self.all_misses(&asked, &facts);
        let to_allow = ruled.reason.and_then(|reason| {
            let taken = |name: &str| self.registry.find(name).is_some();
            self.admitting(reason, question, &asked, &nearest, taken)
        });
        Ok(Explanation {
            notes: self.notes(&ruled, &asked, &facts),
            nearest,
            left_out,
            to_allow,
            ..ruled.explanation(&asked)
        })
    }

    /// Only the service that would admit a connection which is denied; `None`: it is not, nothing that is added
    /// would, or what has to be changed is in a service that there is. Takes microseconds, unless it is registered
    /// for another protocol.
    ///
    /// `taken` says which names services have.
    pub fn to_allow(
        &self,
        question: &Question,
        surroundings: &Surroundings,
        taken: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, InvalidQuestion> {
        let asked = self.asked(question)?;
        if surroundings.let_through(&asked).is_some() {
            return Ok(None);
        }
        let facts = asked.facts();
        let Some(reason) = self.ruled(&facts).reason else {
            return Ok(None);
        };
        let (nearest, _) = match reason {
            DenyReason::ProtocolMismatch => self.all_misses(&asked, &facts),
            _ => (Vec::new(), 0),
        };
        Ok(self.admitting(reason, question, &asked, &nearest, taken))
    }

    /// The names of all services.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.registry.names()
    }

    /// Why a connection passes that no service admits, and nothing is said against it.
    fn why_unregistered(&self, facts: &Facts<'_>) -> LetThrough {
        match self.mode(facts.caller) {
            PodMode::Off => LetThrough::NotGoverned,
            PodMode::Enforce | PodMode::Audit => LetThrough::AllowAny,
        }
    }

    pub(super) fn ruled(&self, facts: &Facts<'_>) -> Ruled {
        match self.decide(facts) {
            Verdict::Deny(denial) => Ruled::denied(&denial, None),
            Verdict::Permit(permit) => match permit.would_deny() {
                Some(denial) => Ruled::denied(denial, Some(LetThrough::Audit)),
                None => Ruled {
                    service: permit.service().cloned(),
                    rule: permit.rule().map(ToString::to_string),
                    route: permit.route().map(ToOwned::to_owned),
                    let_through: permit
                        .service()
                        .is_none()
                        .then(|| self.why_unregistered(facts)),
                    ..Ruled::ALLOWED
                },
            },
        }
    }
}

impl Ruled {
    const ALLOWED: Self = Self {
        verdict: Said::Allow,
        let_through: None,
        reason: None,
        service: None,
        rule: None,
        route: None,
    };

    fn passed(why: LetThrough) -> Self {
        Self {
            let_through: Some(why),
            ..Self::ALLOWED
        }
    }

    fn denied(denial: &Denial, let_through: Option<LetThrough>) -> Self {
        Self {
            verdict: Said::Deny,
            let_through,
            reason: Some(denial.reason),
            service: denial.service.clone(),
            rule: denial.rule.as_ref().map(ToString::to_string),
            route: None,
        }
    }

    fn explanation(&self, asked: &Asked) -> Explanation {
        Explanation {
            verdict: self.verdict,
            let_through: self.let_through,
            reason: self.reason.map(|reason| reason.label().into()),
            message: self.reason.map(|reason| reason.sentence().into()),
            service: self.service.as_ref().map(ToString::to_string),
            rule: self.rule.clone(),
            route: self.route.clone(),
            connection: Connection {
                host: asked.host.as_ref().map(ToString::to_string),
                port: asked.dst.port(),
                protocol: asked.speaks,
                ip: asked.dst.ip(),
                ip_assumed: asked.assumed.ip.is_some(),
            },
            nearest: Vec::new(),
            left_out: 0,
            notes: Vec::new(),
            to_allow: None,
        }
    }
}
