//! From a line of the log to what a policy can be asked: the inverse of what is written of a connection.

use super::seen::{Decided, Seen, Spoken};
use crate::policy::Facts;
use crate::types::{Caller, Claim, DenyReason, HostName, OriginalDst, ReasonKind, Tls};

/// What a policy can be asked about a line.
#[derive(Clone, Debug)]
pub enum Question<'a> {
    /// Whether a connection may be made.
    Connection(Connection<'a>),
    /// Whether a datagram may be sent here.
    Datagram(OriginalDst),
    /// Whether a name may be asked for, of an approved server.
    Lookup {
        /// The name.
        name: &'a HostName,
        /// Who asks.
        caller: &'a Caller,
    },
}

/// A connection, as far as its line tells.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// Where the client wanted to go.
    pub dst: OriginalDst,
    /// What it said. Whether TLS had an encrypted name is only known where it was denied for that.
    pub claim: Claim,
    /// Who it was.
    pub caller: &'a Caller,
    /// A name that it had been told for the destination. The log has one of them.
    pub told: Option<&'a HostName>,
    /// Whether its first bytes were looked at. If not, what it said is not known.
    pub was_read: bool,
    /// It was denied for what dialling found, which no policy knows.
    pub failed_to_dial: bool,
}

/// Why no policy can be asked about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unjudged {
    /// It was over before it was decided.
    Undecided,
    /// The kernel refused it, and it was no connection and no datagram to a destination.
    Kernel,
    /// It is older than the gateway, so that its name is not known.
    Before,
    /// It was refused before its first bytes were read.
    Early,
    /// It is for a later request of a connection, and the log has nothing of that but the reason.
    Later,
    /// It is a question to a DNS server that was denied for another thing than its name.
    Lookup,
    /// Its first bytes were not read, and the policy would want a name.
    Unread,
    /// It was denied for what dialling found: a policy that admits it does not say what dialling would find.
    Dialled,
}

impl Unjudged {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Undecided,
        Self::Kernel,
        Self::Before,
        Self::Early,
        Self::Later,
        Self::Lookup,
        Self::Unread,
        Self::Dialled,
    ];

    /// A stable word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Kernel => "kernel",
            Self::Before => "connected_before",
            Self::Early => "early",
            Self::Later => "later_request",
            Self::Lookup => "lookup",
            Self::Unread => "unread",
            Self::Dialled => "dialled",
        }
    }

    /// What it means, without a full stop.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Undecided => "over before anything was decided",
            Self::Kernel => "refused in the kernel as something else than a connection",
            Self::Before => "made before the gateway came, so that their names are not known",
            Self::Early => "refused for a limit before their first bytes were read",
            Self::Later => {
                "refused, or would have been, at a later request, of which the log has too little"
            }
            Self::Lookup => "DNS questions that are not judged by their name",
            Self::Unread => {
                "their first bytes were not read, and the configuration would look for a name there"
            }
            Self::Dialled => "refused for what dialling found, which no configuration tells",
        }
    }
}

impl Connection<'_> {
    /// What a policy decides by.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            dst: self.dst,
            claim: &self.claim,
            caller: self.caller,
            learned: self.told.map_or(&[], std::slice::from_ref),
            // Which of a route's destinations a connection is led to is no part of a verdict.
            draw: 0,
        }
    }
}

impl Seen {
    /// What a policy can be asked about it.
    pub fn question(&self) -> Result<Question<'_>, Unjudged> {
        let decided = self.decided.ok_or(Unjudged::Undecided)?;
        let reason = decided.reason();
        if self.spoken == Some(Spoken::Dns) {
            return self.lookup(reason);
        }
        match reason {
            Some(DenyReason::ConnectedBefore) => return Err(Unjudged::Before),
            Some(DenyReason::DatagramNotInRegistry) => {
                return self.dst.map(Question::Datagram).ok_or(Unjudged::Kernel);
            }
            Some(reason) if self.by_kernel && reason != DenyReason::AddressNotInRegistry => {
                return Err(Unjudged::Kernel);
            }
            Some(
                DenyReason::UnknownOrigin
                | DenyReason::LimitConnections
                | DenyReason::LimitCaller
                | DenyReason::LimitSniffMemory,
            ) => return Err(Unjudged::Early),
            Some(reason) if self.is_of_later_request(decided, reason) => {
                return Err(Unjudged::Later);
            }
            _ => {}
        }
        Ok(Question::Connection(Connection {
            dst: self.dst.ok_or(Unjudged::Undecided)?,
            claim: self.claim(reason),
            caller: &self.caller,
            told: self.told.as_ref(),
            was_read: self.spoken.is_some(),
            failed_to_dial: reason.is_some_and(is_found_by_dialling),
        }))
    }

    /// Of lookups only those have a line that were denied, or would have been; and connections to DNS
    /// servers, which have no name.
    fn lookup(&self, reason: Option<DenyReason>) -> Result<Question<'_>, Unjudged> {
        match (&self.name, reason) {
            (
                Some(name),
                Some(
                    DenyReason::HostNotInRegistry
                    | DenyReason::CallerNotAllowed
                    | DenyReason::ServiceDenied,
                ),
            ) => Ok(Question::Lookup {
                name,
                caller: &self.caller,
            }),
            _ => Err(Unjudged::Lookup),
        }
    }

    /// In audit mode the line of a connection that a service admitted has the reason of a later request, but
    /// its own name. Where it was denied it has the later request's name, and reasons that have to do with
    /// more than that can't be judged by it.
    fn is_of_later_request(&self, decided: Decided, reason: DenyReason) -> bool {
        match decided {
            Decided::Allow => false,
            Decided::Audit(_) => self.service.is_some() || is_of_requests(reason),
            Decided::Deny(_) => {
                is_of_requests(reason) || self.connected && reason.kind() == ReasonKind::Protocol
            }
        }
    }

    fn claim(&self, reason: Option<DenyReason>) -> Claim {
        let name = self.name.clone();
        match self.spoken {
            Some(Spoken::Tls) => Claim::Tls(Tls {
                sni: name,
                alpn: Vec::new(),
                ech: reason == Some(DenyReason::EchDenied),
            }),
            Some(Spoken::Http) => Claim::Http1 { host: name },
            Some(Spoken::Http2) => Claim::Http2 { authority: name },
            Some(Spoken::Tcp | Spoken::Dns) | None => match reason {
                Some(reason) if breaks_rules(reason) => Claim::Malformed(reason),
                _ => Claim::Opaque,
            },
        }
    }
}

/// What is said of a first message that can't be read to its name.
fn breaks_rules(reason: DenyReason) -> bool {
    match reason.kind() {
        ReasonKind::Protocol | ReasonKind::Slow | ReasonKind::Large => true,
        ReasonKind::Policy
        | ReasonKind::Name
        | ReasonKind::Misdirected
        | ReasonKind::Limit
        | ReasonKind::Unsupported => false,
    }
}

fn is_of_requests(reason: DenyReason) -> bool {
    matches!(
        reason,
        DenyReason::Misdirected | DenyReason::UpgradeRefused | DenyReason::HostSniMismatch
    )
}

fn is_found_by_dialling(reason: DenyReason) -> bool {
    matches!(
        reason,
        DenyReason::ResolvedAddressRefused | DenyReason::SniIpMismatch | DenyReason::LimitService
    )
}
