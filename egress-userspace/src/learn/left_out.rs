//! What no service is made of, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Unjudged;
use crate::types::DenyReason;

/// Examples that are told of one reason.
const MAX_EXAMPLES: usize = 5;

/// Why no service is made of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftOut {
    /// A service of the configuration denies it.
    Denied,
    /// A service of the configuration has it, for other callers.
    Callers,
    /// A service of the configuration has the destination, and admits it otherwise.
    Taken,
    /// The name hides any other.
    EchFront,
    /// The client broke a protocol's rules.
    Broken(DenyReason),
    /// The name leads to addresses that are not public, although the client went to one that is.
    Resolved,
    /// No service can have the port.
    Port,
    /// The name was asked of a DNS server, and no connection was made by it.
    Lookup,
    /// There are too many destinations.
    Full,
    /// It is not known what was asked for.
    Unjudged(Unjudged),
}

/// How much was left out, with examples.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Connections, or lookups.
    pub count: u64,
    /// What some of them were for.
    pub examples: BTreeSet<String>,
}

/// All that was left out.
pub(super) type Reasons = BTreeMap<LeftOut, Left>;

impl LeftOut {
    /// A stable word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Denied => "service_denied",
            Self::Callers => "caller_not_allowed",
            Self::Taken => "taken",
            Self::EchFront => "ech_front",
            Self::Broken(reason) => reason.label(),
            Self::Resolved => "resolved_address_refused",
            Self::Port => "port",
            Self::Lookup => "lookup_only",
            Self::Full => "too_many",
            Self::Unjudged(why) => why.label(),
        }
    }

    /// What it means, without a full stop.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Denied => "a service of the configuration denies it",
            Self::Callers => {
                "a service of the configuration has it for other callers: add to its `from` who may"
            }
            Self::Taken => {
                "a service of the configuration has the destination and admits something else there: change that one"
            }
            Self::EchFront => "a name behind which TLS clients hide any other",
            Self::Broken(reason) => reason.sentence(),
            Self::Resolved => {
                "the name leads to addresses that are not public, and the client went to one that is"
            }
            Self::Port => "no service can have this port",
            Self::Lookup => {
                "looked up, and not connected to by name: such a lookup would be denied"
            }
            Self::Full => "too many different destinations",
            Self::Unjudged(why) => why.sentence(),
        }
    }
}

impl Left {
    pub(super) fn add(&mut self, count: u64, example: impl FnOnce() -> Option<String>) {
        self.count += count;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.extend(example());
        }
    }
}
