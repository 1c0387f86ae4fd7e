//! One check: what is looked for, and what was found.

use serde::Serialize;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Subject {
    /// Its name, which stays the same from version to version.
    pub(super) name: &'static str,
    /// Whether the gateway needs it; else it does less without.
    pub(super) needed: bool,
    /// What it is good for.
    pub(super) with: &'static str,
    /// What happens without it.
    pub(super) without: &'static str,
    /// What to do about it.
    pub(super) fix: &'static str,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked for.
    pub name: &'static str,
    /// Whether it is there.
    pub state: State,
    /// What was found, in a few words.
    pub found: String,
    /// What that means for enforcement, in a sentence.
    pub meaning: &'static str,
    /// What to do, if there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<&'static str>,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Ok,
    /// It is not, and the gateway does less.
    Degraded,
    /// It is not, and the gateway needs it.
    Missing,
}

impl State {
    /// The state's name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Missing => "missing",
        }
    }
}

impl Subject {
    /// It is there.
    pub(super) fn there(&self, found: impl Into<String>) -> Check {
        Check {
            name: self.name,
            state: State::Ok,
            found: found.into(),
            meaning: self.with,
            fix: None,
        }
    }

    /// It is not there.
    pub(super) fn lacking(&self, found: impl Into<String>) -> Check {
        Check {
            name: self.name,
            state: if self.needed {
                State::Missing
            } else {
                State::Degraded
            },
            found: found.into(),
            meaning: self.without,
            fix: Some(self.fix),
        }
    }

    /// Whether it is there; `found` either way.
    pub(super) fn is(&self, there: bool, found: impl Into<String>) -> Check {
        if there {
            self.there(found)
        } else {
            self.lacking(found)
        }
    }
}
