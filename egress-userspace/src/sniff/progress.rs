//! What a parser says of the bytes it has so far.

use crate::types::{Claim, DenyReason};

/// A parser's answer. `Ok` is final: more bytes do not change it.
pub type Parsed<T> = Result<T, Stop>;

/// Why a parser has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Undecided: ask again when more bytes are there.
    More(Wait),
    /// Certainly not this protocol.
    Not,
    /// Certainly this protocol, and broken.
    Malformed(DenyReason),
}

/// What an undecided parser waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What must arrive before it is worth asking again.
    pub need: Need,
    /// What is wrong should the client send nothing more; `None`: the protocol is not certain yet.
    pub unfinished: Option<DenyReason>,
}

/// What must arrive before it is worth asking a parser again.
///
/// It spares a client's every segment from being parsed from the start. It is a hint: to ask
/// earlier gives the same `More`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// This many bytes in all, those that are there included.
    Bytes(usize),
    /// The end of a line.
    Line,
    /// The next HTTP/2 frame, which the client perhaps holds back until the server has spoken.
    Frame,
}

impl Need {
    /// Whether it is worth asking again, when `bytes` are there and `seen` of them were asked about.
    pub fn is_met(self, bytes: &[u8], seen: usize) -> bool {
        match self {
            Self::Bytes(least) => bytes.len() >= least,
            Self::Line => bytes.get(seen..).is_some_and(|new| new.contains(&b'\n')),
            Self::Frame => bytes.len() > seen,
        }
    }
}

impl Stop {
    /// Waits, not knowing yet whether it is this protocol.
    pub(super) fn undecided(need: Need) -> Self {
        Self::More(Wait {
            need,
            unfinished: None,
        })
    }

    /// Waits for the rest of a message; `unfinished` is what is wrong if it never comes.
    pub(super) fn within(unfinished: DenyReason, need: Need) -> Self {
        Self::More(Wait {
            need,
            unfinished: Some(unfinished),
        })
    }
}

impl From<DenyReason> for Stop {
    fn from(reason: DenyReason) -> Self {
        Self::Malformed(reason)
    }
}

impl Wait {
    /// What the client claims if nothing more comes from it.
    pub(super) fn claim_at_end(self) -> Claim {
        self.unfinished.map_or(Claim::Opaque, Claim::Malformed)
    }
}
