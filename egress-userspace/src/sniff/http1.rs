//! The head of an HTTP/1 request (RFC 9112): the name in its target and its `Host`.
//!
//! Stricter than a server needs to be: a head that two readers could understand differently is
//! refused, for the gateway and the server must not see different names.

use crate::types::{DenyReason, HostName};

use super::authority;
use super::progress::{Need, Parsed, Stop};

/// Longest method that is waited for; the longest registered one, `UPDATEREDIRECTREF`, has 17 bytes.
const MAX_METHOD: usize = 24;
/// Most header fields in a head, as in hyper. It bounds how often an unfinished head is looked at.
const MAX_HEADERS: usize = 100;
/// What ends a request line, with the digits left out.
const VERSION: &[u8] = b" HTTP/_._";

/// The name that the request is for; `None`: none was sent, or an address. `cap` bounds the head.
pub(super) fn host(bytes: &[u8], cap: usize) -> Parsed<Option<HostName>> {
    let window = bytes.get(..cap).unwrap_or(bytes);
    let head = head(window).map_err(|stop| match stop {
        Stop::More(_) if window.len() == cap => DenyReason::SniffTooLarge.into(),
        stop => stop,
    })?;
    Ok(name(head)?)
}

/// The request line and the header fields, with the empty line that ends them.
fn head(bytes: &[u8]) -> Parsed<&[u8]> {
    let mut end = request_line(bytes)?;
    for _ in 0..=MAX_HEADERS {
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(line) = rest
            .split_inclusive(|&b| b == b'\n')
            .next()
            .filter(|l| l.ends_with(b"\n"))
        else {
            return Err(Stop::within(DenyReason::MalformedHttp, Need::Line));
        };
        // A bare LF ends a line for some readers only.
        if !line.ends_with(b"\r\n") {
            return Err(DenyReason::MalformedHttp.into());
        }
        end += line.len();
        if line == b"\r\n" {
            return Ok(bytes.get(..end).unwrap_or(bytes));
        }
    }
    Err(DenyReason::SniffTooLarge.into())
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

/// The name in a whole head.
fn name(head: &[u8]) -> Result<Option<HostName>, DenyReason> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    // Whitespace before a colon, folded lines and control characters are errors to it.
    request.parse(head).map_err(|_| DenyReason::MalformedHttp)?;
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(DenyReason::MalformedHttp);
    };
    let hosts = request
        .headers
        .iter()
        .filter(|h| h.name.eq_ignore_ascii_case("host"));
    authority::agreed(target_authority(method, target)?, hosts.map(|h| h.value))
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
