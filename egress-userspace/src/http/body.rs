//! Where a message's body ends (RFC 9112 section 6.3).

use crate::sniff::{Ambiguous, Framing};

use super::chunked::Chunked;

/// A body, as far as it has not been followed yet.
#[derive(Debug)]
pub(super) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunked),
    /// All that comes.
    ToEnd,
}

/// What following a body through some bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Followed {
    /// How many of the bytes belong to the body.
    pub(super) taken: usize,
    pub(super) next: Next,
}

/// What comes after the bytes taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// More of the body, of which the bytes that were not taken are the beginning.
    More,
    /// At least this many bytes that need not be looked at.
    Data(u64),
    /// The next message.
    Done,
}

impl Followed {
    pub(super) fn new(taken: usize, next: Next) -> Self {
        Self { taken, next }
    }
}

impl Body {
    /// A request's: without a word about it, there is none.
    pub(super) fn of_request(framing: Framing) -> Self {
        match framing {
            Framing::Unsaid => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunked::new()),
        }
    }

    /// A response's, where it may have one: without a word about it, it ends with the connection.
    pub(super) fn of_response(framing: Framing) -> Self {
        match framing {
            Framing::Unsaid => Self::ToEnd,
            Framing::Length(_) | Framing::Chunked => Self::of_request(framing),
        }
    }

    /// Follows the body through `bytes`, which come after those that were taken before.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Followed, Ambiguous> {
        match self {
            Self::Chunked(chunked) => chunked.follow(bytes),
            Self::ToEnd => Ok(Followed::new(bytes.len(), Next::Data(u64::MAX))),
            Self::Length(left) => {
                let taken = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left = left.saturating_sub(taken as u64);
                let next = match *left {
                    0 => Next::Done,
                    left => Next::Data(left),
                };
                Ok(Followed::new(taken, next))
            }
        }
    }

    /// Notes that `count` bytes of data were passed on without a look.
    pub(super) fn skip(&mut self, count: u64) {
        match self {
            Self::Length(left) => *left = left.saturating_sub(count),
            Self::Chunked(chunked) => chunked.skip(count),
            Self::ToEnd => {}
        }
    }
}

/// Follows a chunked body through `bytes`: how many belong to it, and whether it ends there; `None` if
/// it is broken. For the fuzz target.
pub fn follow_body(bytes: &[u8]) -> Option<(usize, bool)> {
    let followed = Body::of_request(Framing::Chunked).follow(bytes).ok()?;
    Some((followed.taken, followed.next == Next::Done))
}
