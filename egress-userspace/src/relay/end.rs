//! How a relay ended: each direction, and the whole.

use std::fmt;
use std::io::{self, ErrorKind};

/// One of the two peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who connected to the gateway.
    Client,
    /// Whom the gateway connected to.
    Upstream,
}

impl Side {
    /// The other of the two.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Upstream,
            Self::Upstream => Self::Client,
        }
    }
}

/// What cut a stream short of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// A peer reset its connection.
    Reset {
        /// Which.
        by: Side,
    },
    /// A socket failed in another way.
    Failed {
        /// Whose.
        side: Side,
        /// How.
        kind: ErrorKind,
    },
    /// No byte came in either direction for the idle timeout.
    IdleTimeout,
    /// It lasted as long as it may.
    MaxDuration,
    /// The gateway ended it.
    Cancelled,
}

impl Cut {
    /// What an error on the socket of `side` means.
    pub(super) fn by_error(side: Side, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => Self::Reset { by: side },
            kind => Self::Failed { side, kind },
        }
    }
}

/// How one direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The sender finished: all its bytes were passed on, then its end of stream.
    Eof,
    /// It was cut short.
    Cut(Cut),
}

/// Who closed the connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Both sides finished.
    Finished {
        /// Who did so first.
        first: Side,
    },
    /// The first thing that went wrong.
    Cut(Cut),
}

impl CloseReason {
    /// The stable label: lower-case words joined by `_`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Finished {
                first: Side::Client,
            } => "client_closed",
            Self::Finished {
                first: Side::Upstream,
            } => "upstream_closed",
            Self::Cut(Cut::Reset { by: Side::Client }) => "client_reset",
            Self::Cut(Cut::Reset { by: Side::Upstream }) => "upstream_reset",
            Self::Cut(Cut::Failed {
                side: Side::Client, ..
            }) => "client_failed",
            Self::Cut(Cut::Failed {
                side: Side::Upstream,
                ..
            }) => "upstream_failed",
            Self::Cut(Cut::IdleTimeout) => "idle_timeout",
            Self::Cut(Cut::MaxDuration) => "max_duration",
            Self::Cut(Cut::Cancelled) => "cancelled",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The end of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How the client's stream ended.
    pub client_to_upstream: End,
    /// How the upstream's stream ended.
    pub upstream_to_client: End,
    /// Who closed the connection, and how.
    pub by: CloseReason,
}

impl Ended {
    /// Sums up; a direction that was still running was cut by what cut the whole.
    pub(super) fn new(up: Option<End>, down: Option<End>, closed: Result<Side, Cut>) -> Self {
        let (whole, by) = match closed {
            Ok(first) => (End::Eof, CloseReason::Finished { first }),
            Err(cut) => (End::Cut(cut), CloseReason::Cut(cut)),
        };
        Self {
            client_to_upstream: up.unwrap_or(whole),
            upstream_to_client: down.unwrap_or(whole),
            by,
        }
    }
}
