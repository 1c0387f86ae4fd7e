//! Changes that are alike, counted together.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::compare::{Kind, Opinion};
use super::seen::Seen;
use crate::types::{HostName, OriginalDst, Place};

/// Different changes that are kept apart: whoever is governed chooses the names in the log, and what is
/// shown is a hundred. More are only counted.
const MAX_GROUPS: usize = 2_000;

/// Connections that would change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// How.
    pub kind: Kind,
    /// What they are for.
    pub subject: Subject,
    /// On which port; of lookups the server's.
    pub port: u16,
    /// What was spoken, if that was looked at.
    pub protocol: Option<&'static str>,
    /// Whose they are.
    pub exe: Option<Box<str>>,
    /// And in which cgroup.
    pub cgroup: Option<Box<str>>,
    /// What was decided.
    pub was: Opinion,
    /// What would be.
    pub would_be: Opinion,
    /// Where that is written: `file:line`.
    pub rule: Option<Box<str>>,
}

/// What a connection was for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The name that was sent, or learned.
    Name(HostName),
    /// Where no name is known.
    Address(IpAddr),
    /// Neither is.
    Unknown,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Unknown => f.write_str("-"),
        }
    }
}

impl Subject {
    /// Of a line.
    pub fn of(seen: &Seen) -> Self {
        let name = seen.name.as_ref().or(seen.told.as_ref());
        match (name, seen.dst) {
            (Some(name), _) => Self::Name(name.clone()),
            (None, Some(dst)) => Self::Address(dst.ip()),
            (None, None) => Self::Unknown,
        }
    }
}

/// Changes with their counts.
#[derive(Debug, Default)]
pub struct Groups {
    counts: HashMap<Change, u64, RandomState>,
    uncounted: u64,
}

impl Groups {
    pub(super) fn add(
        &mut self,
        seen: &Seen,
        kind: Kind,
        was: Opinion,
        would_be: Opinion,
        rule: Option<&Place>,
    ) {
        let full = self.counts.len() >= MAX_GROUPS;
        let caller = &seen.caller;
        let change = Change {
            kind,
            subject: Subject::of(seen),
            port: seen.dst.map(OriginalDst::port).unwrap_or_default(),
            protocol: seen.spoken.map(super::Spoken::label),
            exe: caller
                .exe
                .as_deref()
                .and_then(|exe| exe.to_str())
                .map(Into::into),
            cgroup: caller.cgroup_path.as_deref().map(Into::into),
            was,
            would_be,
            rule: rule.map(|rule| rule.to_string().into()),
        };
        match self.counts.entry(change) {
            Entry::Occupied(entry) => *entry.into_mut() += 1,
            Entry::Vacant(_) if full => self.uncounted += 1,
            Entry::Vacant(entry) => {
                entry.insert(1);
            }
        }
    }

    /// All, those of the most connections first.
    pub fn sorted(&self) -> Vec<(&Change, u64)> {
        let mut sorted: Vec<_> = self
            .counts
            .iter()
            .map(|(change, count)| (change, *count))
            .collect();
        sorted.sort_unstable_by_key(|(change, count)| (Reverse(*count), *change));
        sorted
    }

    /// Connections that change, and found no room to be told of.
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }
}
