//! What is asked: a connection as a person describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::types::{Claim, DenyReason, HostName, HostNameError, Protocol, Tls};

/// A connection as a person describes it. What is not said is not known, unless it says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The name that the client wants, or an address instead, as in a URL.
    pub host: Option<String>,
    /// The port that it asks for, 1 to 65535.
    pub port: u16,
    /// What it speaks; not said: what the services on the port speak, if that is one thing, else what is
    /// usual.
    pub protocol: Option<Speech>,
    /// The address that it connects to; not said: one is assumed, and the answer says which.
    pub ip: Option<IpAddr>,
    /// Whether it asked the gateway's DNS for the name before, as clients do.
    #[serde(default = "yes")]
    pub looked_up: bool,
    /// Whether its `ClientHello` has `encrypted_client_hello`.
    #[serde(default)]
    pub ech: bool,
    /// Who it is.
    #[serde(default)]
    pub caller: Who,
}

/// Who connects, in the words of a service's `from`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Who {
    /// The cgroup, as a path below the cgroup v2 mount.
    pub cgroup: Option<String>,
    /// A unit of the node's systemd, instead of a cgroup.
    pub unit: Option<String>,
    /// The executable's path.
    pub exe: Option<String>,
    /// The real user id.
    pub uid: Option<u32>,
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The pod's service account.
    pub service_account: Option<String>,
    /// The pod's labels.
    pub pod_labels: BTreeMap<String, String>,
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speech {
    /// TLS: the name is the SNI.
    #[serde(rename = "TLS", alias = "tls", alias = "HTTPS", alias = "https")]
    Tls,
    /// HTTP/1 in the clear: the name is the `Host`.
    #[serde(rename = "HTTP", alias = "http")]
    Http,
    /// HTTP/2 in the clear: the name is the `:authority`.
    #[serde(rename = "HTTP2", alias = "http2", alias = "GRPC", alias = "grpc")]
    Http2,
    /// Anything else: no name is sent.
    #[serde(rename = "TCP", alias = "tcp")]
    Tcp,
}

/// Why a question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuestion {
    /// There is nothing to judge.
    #[error("expected a host, an address (ip), or both")]
    NoDestination,
    /// Port 0 is no port.
    #[error("port 0 is no port: expected 1 to 65535")]
    NoPort,
    /// The host is more than a name.
    #[error("{0:?} is no host name: expected the name alone, without a scheme, a port or a path")]
    NotAlone(String),
    /// The host is a pattern.
    #[error("{0:?} is a pattern: expected one name, such as one that it should mean")]
    Pattern(String),
    /// The host has no A-label form.
    #[error("{0:?} cannot be written in A-labels (RFC 5891)")]
    International(String),
    /// The host is no name. A client that sends it is denied as one that breaks its protocol's rules.
    #[error("{host:?} is no host name: {source} (a client that sends it is denied: `{reason}`)")]
    Name {
        /// What was given.
        host: String,
        /// What is wrong with it.
        source: HostNameError,
        /// What the gateway says of it.
        reason: DenyReason,
    },
    /// A word for the caller that is no such word.
    #[error("caller.{key}: {problem}")]
    Caller {
        /// Which word.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

fn yes() -> bool {
    true
}

impl Speech {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tls, Self::Http, Self::Http2, Self::Tcp];

    /// The word, as in `ports`.
    pub fn word(self) -> &'static str {
        self.protocol().word()
    }

    /// What a service's port has to be for it.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Tls => Protocol::Tls,
            Self::Http => Protocol::Http,
            Self::Http2 => Protocol::Http2,
            Self::Tcp => Protocol::Tcp,
        }
    }

    /// The first bytes of a client that speaks it and wants `host`.
    pub(super) fn claim(self, host: Option<HostName>, ech: bool) -> Claim {
        match self {
            Self::Tls => Claim::Tls(Tls {
                sni: host,
                ech,
                ..Tls::default()
            }),
            Self::Http => Claim::Http1 { host },
            Self::Http2 => Claim::Http2 { authority: host },
            Self::Tcp => Claim::Opaque,
        }
    }

    /// What the gateway says of a client that sends what is no name.
    pub(super) fn malformed(self) -> DenyReason {
        match self {
            Self::Http | Self::Http2 => DenyReason::HostMalformed,
            Self::Tls | Self::Tcp => DenyReason::SniMalformed,
        }
    }
}

impl From<Protocol> for Speech {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tls | Protocol::Https => Self::Tls,
            Protocol::Http => Self::Http,
            Protocol::Http2 | Protocol::Grpc => Self::Http2,
            Protocol::Tcp | Protocol::Udp => Self::Tcp,
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A text is no protocol that a client's connection can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected TLS, HTTP, HTTP2 or TCP")]
pub struct NoSpeech;

impl FromStr for Speech {
    type Err = NoSpeech;

    /// Reads a word of `ports`, or of the access log, in any case.
    fn from_str(text: &str) -> Result<Self, NoSpeech> {
        match text.to_ascii_uppercase().as_str() {
            "TLS" | "HTTPS" => Ok(Self::Tls),
            "HTTP" => Ok(Self::Http),
            "HTTP2" | "GRPC" => Ok(Self::Http2),
            "TCP" => Ok(Self::Tcp),
            _ => Err(NoSpeech),
        }
    }
}
