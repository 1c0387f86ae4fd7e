//! What was decided, beside what would be.

use std::fmt;

use super::judge::Answer;
use super::question::Unjudged;
use super::seen::{Decided, Seen};
use crate::types::{DenyReason, Place};

/// What a line's connection would meet, compared with what it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The same.
    Same,
    /// Something else.
    Changed(Kind, Opinion),
    /// That can't be told.
    Unjudged(Unjudged),
}

/// What would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What went on would be denied.
    NowDenied,
    /// What was denied would go on.
    NowAllowed,
    /// What went on by one service, or route, would go on by another.
    Moved,
}

impl Kind {
    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::NowDenied => "now denied",
            Self::NowAllowed => "now allowed",
            Self::Moved => "moved",
        }
    }
}

/// What one side says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Opinion {
    /// `allow`, `deny`, or `audit`.
    pub verdict: &'static str,
    /// Why it is, or would be, denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The service that admits it, or comes nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Box<str>>,
    /// The route that leads it elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Box<str>>,
}

/// Compares an answer with what was decided.
pub(super) fn compare(seen: &Seen, decided: Decided, answer: &Answer) -> (Fate, Option<Place>) {
    let (opinion, rule) = match answer {
        Answer::Unknown(why) => return (Fate::Unjudged(*why), None),
        Answer::Untouched | Answer::Passed => (Opinion::allow(), None),
        Answer::Permit(permit) => {
            let opinion = Opinion {
                service: permit.service().map(|name| name.as_str().into()),
                route: permit.route().map(Into::into),
                ..Opinion::allow()
            };
            (opinion, permit.rule().cloned())
        }
        Answer::Deny(denial) => {
            let opinion = Opinion {
                verdict: "deny",
                reason: Some(Reason(denial.reason)),
                service: denial.service.as_ref().map(|name| name.as_str().into()),
                route: None,
            };
            (opinion, denial.rule.clone())
        }
    };
    let kind = match (decided, opinion.reason) {
        (Decided::Deny(_), Some(_)) => None,
        (Decided::Deny(_), None) => Some(Kind::NowAllowed),
        (Decided::Allow | Decided::Audit(_), Some(_)) => Some(Kind::NowDenied),
        (Decided::Allow | Decided::Audit(_), None) => {
            // What no service admitted went where the client wanted to go: a service that admits it now is
            // no other one.
            let led = seen.service.is_some() && matches!(answer, Answer::Permit(_));
            let same = (&seen.service, &seen.route) == (&opinion.service, &opinion.route);
            (led && !same).then_some(Kind::Moved)
        }
    };
    let fate = kind.map_or(Fate::Same, |kind| Fate::Changed(kind, opinion));
    (fate, rule)
}

impl Opinion {
    fn allow() -> Self {
        Self {
            verdict: "allow",
            ..Self::default()
        }
    }

    /// What a line says.
    pub(super) fn of(seen: &Seen, decided: Decided) -> Self {
        Self {
            verdict: decided.label(),
            reason: decided.reason().map(Reason),
            service: seen.service.clone(),
            route: seen.route.clone(),
        }
    }
}

/// A reason, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(pub DenyReason);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.label())
    }
}
