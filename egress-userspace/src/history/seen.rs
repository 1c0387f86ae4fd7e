//! One line of the access log, as it is used here.

use crate::account::Timestamp;
use crate::types::{Caller, DenyReason, HostName, OriginalDst};

/// What a line says. What it leaves out is not known.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was written.
    pub time: Timestamp,
    /// Where the client wanted to go; of a DNS query the server that was asked.
    pub dst: Option<OriginalDst>,
    /// Who it was.
    pub caller: Caller,
    /// What its first bytes were; `None`: they were not looked at.
    pub spoken: Option<Spoken>,
    /// The name that it sent, or asked a DNS server for; there, `None` may be one that is no host's.
    pub name: Option<HostName>,
    /// A name that it had been told for the destination, where it sent none.
    pub told: Option<HostName>,
    /// The service that admitted it, or came nearest.
    pub service: Option<Box<str>>,
    /// The route that led it elsewhere.
    pub route: Option<Box<str>>,
    /// What was decided; `None`: it was over before.
    pub decided: Option<Decided>,
    /// Whether the kernel decided by itself.
    pub by_kernel: bool,
    /// Whether it had an upstream.
    pub connected: bool,
    /// Bytes from the upstream to the client.
    pub bytes_sent: u64,
    /// Bytes from the client to the upstream.
    pub bytes_received: u64,
}

/// What the first bytes of a connection were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spoken {
    /// TLS.
    Tls,
    /// HTTP/1 in the clear.
    Http,
    /// HTTP/2 in the clear.
    Http2,
    /// None of these.
    Tcp,
    /// It is a question to a DNS server.
    Dns,
}

/// What was decided then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decided {
    /// It was let through.
    Allow,
    /// It was let through, but enforcement would have denied it.
    Audit(DenyReason),
    /// It was denied.
    Deny(DenyReason),
}

impl Spoken {
    /// The access log's word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Tcp => "tcp",
            Self::Dns => "dns",
        }
    }
}

impl Decided {
    /// The access log's word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Audit(_) => "audit",
            Self::Deny(_) => "deny",
        }
    }

    /// Why it was, or would have been, denied.
    pub fn reason(self) -> Option<DenyReason> {
        match self {
            Self::Allow => None,
            Self::Audit(reason) | Self::Deny(reason) => Some(reason),
        }
    }

    /// Whether it went on.
    pub fn passed(self) -> bool {
        !matches!(self, Self::Deny(_))
    }
}
