//! The head of an HTTP/1 request (RFC 9112): the name in its target and its `Host`, and where its
//! body ends.
//!
//! Stricter than a server needs to be: a head that two readers could understand differently is
//! refused, for the gateway and the server must not see different names, nor different requests.

mod connect;
mod framing;
mod lines;

use std::str::FromStr;

use crate::types::{Claim, DenyReason, HostName};

use super::authority;
use super::progress::{Need, Parsed, Stop};

pub use connect::{Tunnel, TunnelHost, tunnel};
pub use framing::Framing;
pub(crate) use framing::{Ambiguous, framing};
pub(crate) use lines::{LineError, head_length};

/// Longest method that is waited for; the longest registered one, `UPDATEREDIRECTREF`, has 17 bytes.
const MAX_METHOD: usize = 24;
/// Most header fields in a head, as in hyper. It bounds how often an unfinished head is looked at.
pub(crate) const MAX_HEADERS: usize = 100;
/// What ends a request line, with the digits left out.
const VERSION: &[u8] = b" HTTP/_._";
/// Protocols that carry requests with names of their own, which nobody would judge after the change:
/// HTTP itself, in the clear or in TLS (RFC 9110 section 7.8, RFC 2817, RFC 7540 section 3.2).
const CARRIES_NAMES: [&[u8]; 4] = [b"h2c", b"h2", b"http", b"tls"];

/// What a request's head says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Its length in bytes, with the empty line that ends it.
    pub length: usize,
    /// The name that it is for; `None`: none was sent, or an address.
    pub host: Option<HostName>,
    /// What the answer to it depends on.
    pub kind: RequestKind,
    /// How its body is framed.
    pub framing: Framing,
}

/// What the answer to a request depends on (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Its answer has a body as its head says.
    Plain,
    /// Its answer has no body, whatever its head says.
    Head,
    /// A good answer makes it a tunnel to this port; `None`: it names none.
    Connect(Option<u16>),
    /// It asks for another protocol, and 101 grants it.
    Upgrade(Protocol),
}

/// What a request asks to change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One whose messages name no hosts, such as `WebSocket`.
    Nameless,
    /// One of those whose messages do.
    CarriesNames,
}

impl RequestHead {
    /// What the client wants, by this request.
    pub fn claim(&self) -> Claim {
        Claim::Http1 {
            host: self.host.clone(),
        }
    }
}

/// Reads the head of the request that `bytes` begin with. `cap` bounds it, in bytes.
pub fn request(bytes: &[u8], cap: usize) -> Parsed<RequestHead> {
    let window = bytes.get(..cap).unwrap_or(bytes);
    let head = head(window).map_err(|stop| match stop {
        Stop::More(_) if window.len() == cap => DenyReason::SniffTooLarge.into(),
        stop => stop,
    })?;
    Ok(parse(head)?)
}

/// The request line and the header fields, with the empty line that ends them.
fn head(bytes: &[u8]) -> Parsed<&[u8]> {
    let begin = request_line(bytes)?;
    match head_length(bytes, begin) {
        Ok(Some(length)) => Ok(bytes.get(..length).unwrap_or(bytes)),
        Ok(None) => Err(Stop::within(DenyReason::MalformedHttp, Need::Line)),
        Err(LineError::Ambiguous) => Err(DenyReason::RequestSmuggling.into()),
        Err(LineError::TooMany) => Err(DenyReason::SniffTooLarge.into()),
    }
}

/// The request line's length. It is HTTP if it begins like a method and ends in a version.
fn request_line(bytes: &[u8]) -> Parsed<usize> {
    let method = bytes.iter().take_while(|&&b| is_token(b)).count();
    match bytes.get(method) {
        _ if method > MAX_METHOD => return Err(Stop::Not),
        None => return Err(Stop::undecided(Need::Bytes(bytes.len() + 1))),
        Some(b' ') if method > 0 => {}
        Some(_) => return Err(Stop::Not),
    }
    let text = bytes
        .iter()
        .take_while(|&&b| matches!(b, b' '..=b'~'))
        .count();
    let (line, rest) = bytes.split_at(text);
    match rest {
        [] | [b'\r'] => Err(Stop::undecided(Need::Line)),
        _ if !has_version(line) => Err(Stop::Not),
        [b'\r', b'\n', ..] => Ok(text + 2),
        [b'\r' | b'\n' | 0, ..] => Err(DenyReason::RequestSmuggling.into()),
        _ => Err(DenyReason::MalformedHttp.into()),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn has_version(line: &[u8]) -> bool {
    let matches = |(&byte, &expected): (&u8, &u8)| match expected {
        b'_' => byte.is_ascii_digit(),
        _ => byte == expected,
    };
    line.len() > VERSION.len() && line.iter().rev().zip(VERSION.iter().rev()).all(matches)
}

/// Reads a whole head.
fn parse(head: &[u8]) -> Result<RequestHead, DenyReason> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // What is no field, and control characters, are errors to it.
    request.parse(head).map_err(|_| DenyReason::MalformedHttp)?;
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(DenyReason::MalformedHttp);
    };
    let hosts = fields(request.headers, "host");
    let host = authority::agreed(target_authority(method, target)?, hosts)?;
    let framing =
        framing(request.headers, version).map_err(|Ambiguous| DenyReason::RequestSmuggling)?;
    let kind = kind(method, target, request.headers)?;
    // What a body in it would be, nobody says (RFC 9110 section 9.3.6): some take it for the tunnel's.
    if matches!(kind, RequestKind::Connect(_)) && framing != Framing::Unsaid {
        return Err(DenyReason::RequestSmuggling);
    }
    Ok(RequestHead {
        length: head.len(),
        host,
        kind,
        framing,
    })
}

fn fields<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let named = headers
        .iter()
        .filter(move |h| h.name.eq_ignore_ascii_case(name));
    named.map(|h| h.value)
}

/// The authority in the target (RFC 9112 section 3.2), if its form has one.
fn target_authority<'a>(method: &str, target: &'a str) -> Result<Option<&'a [u8]>, DenyReason> {
    if method == "CONNECT" {
        return Ok(Some(target.as_bytes()));
    }
    if target.starts_with('/') || target == "*" {
        return Ok(None);
    }
    let (_scheme, rest) = target.split_once("://").ok_or(DenyReason::MalformedHttp)?;
    Ok(rest.as_bytes().split(|b| b"/?#".contains(b)).next())
}

fn kind(
    method: &str,
    target: &str,
    headers: &[httparse::Header<'_>],
) -> Result<RequestKind, DenyReason> {
    // A server that does not look at case would answer these in another way than all others.
    for special in ["CONNECT", "HEAD"] {
        if method != special && method.eq_ignore_ascii_case(special) {
            return Err(DenyReason::MalformedHttp);
        }
    }
    let mut upgrades = fields(headers, "upgrade").peekable();
    let asks = upgrades.peek().is_some();
    let mut protocols = upgrades.flat_map(|value| value.split(|&b| b == b','));
    Ok(match method {
        "CONNECT" => RequestKind::Connect(port(target)),
        _ if protocols.any(carries_names) => RequestKind::Upgrade(Protocol::CarriesNames),
        // Its answer has no body, whether the upgrade is granted or not: that must not be forgotten.
        "HEAD" => RequestKind::Head,
        _ if asks => RequestKind::Upgrade(Protocol::Nameless),
        _ => RequestKind::Plain,
    })
}

/// The port in `host:port`; the brackets of an IPv6 address are before its last colon.
fn port(target: &str) -> Option<u16> {
    let (_, port) = target.rsplit_once(':')?;
    u16::from_str(port).ok()
}

/// Whether a protocol's name, without its version, is one of [`CARRIES_NAMES`].
fn carries_names(protocol: &[u8]) -> bool {
    let name = protocol.split(|&b| b == b'/').next().unwrap_or_default();
    let name = name.trim_ascii();
    CARRIES_NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
}
