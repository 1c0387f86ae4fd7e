//! What a client says it wants, in its first bytes. A claim is never trusted for where it goes.

use super::{DenyReason, HostName};

/// What the first bytes of a connection say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A TLS `ClientHello`.
    Tls(Tls),
    /// An HTTP/1 request, with the name in its `Host` header or absolute-form target.
    Http1 {
        /// `None`: no name was sent, or an address.
        host: Option<HostName>,
    },
    /// HTTP/2 without TLS, by prior knowledge, with the name in the first request's `:authority`.
    Http2 {
        /// `None`: no name was sent, or an address.
        authority: Option<HostName>,
    },
    /// Not looked at, no bytes in time, or bytes of no protocol that carries a name.
    Opaque,
    /// Begins like a protocol that carries a name, but breaks its rules.
    Malformed(DenyReason),
}

/// What a connection speaks, as far as its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// TLS.
    Tls,
    /// HTTP/1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// None of these, or it was not looked at.
    Tcp,
}

impl Language {
    /// As the access log and the metrics call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http1 => "http",
            Self::Http2 => "http2",
            Self::Tcp => "tcp",
        }
    }
}

/// What matters of a TLS `ClientHello`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `server_name` (RFC 6066 section 3); `None`: not sent, or empty.
    pub sni: Option<HostName>,
    /// Protocols offered in ALPN (RFC 7301), in the client's order.
    pub alpn: Vec<Box<[u8]>>,
    /// `encrypted_client_hello` (RFC 9849) was there. GREASE looks the same.
    pub ech: bool,
}

impl Claim {
    /// The name that was asked for, if one was.
    pub fn name(&self) -> Option<&HostName> {
        match self {
            Self::Tls(tls) => tls.sni.as_ref(),
            Self::Http1 { host } => host.as_ref(),
            Self::Http2 { authority } => authority.as_ref(),
            Self::Opaque | Self::Malformed(_) => None,
        }
    }

    /// The application protocol, as TLS would name it (RFC 7301 section 6).
    pub fn alpn(&self) -> Option<&'static [u8]> {
        match self {
            Self::Http1 { .. } => Some(b"http/1.1"),
            Self::Http2 { .. } => Some(b"h2"),
            Self::Tls(_) | Self::Opaque | Self::Malformed(_) => None,
        }
    }

    /// The protocol that it is made in.
    pub fn language(&self) -> Language {
        match self {
            Self::Tls(_) => Language::Tls,
            Self::Http1 { .. } => Language::Http1,
            Self::Http2 { .. } => Language::Http2,
            Self::Opaque | Self::Malformed(_) => Language::Tcp,
        }
    }
}
