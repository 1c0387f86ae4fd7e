//! From a client's first bytes to the name it asks for. Knows only bytes: it neither resolves nor
//! judges names.
//!
//! The parsers are pure functions over what has arrived. Each gives a final answer or says what it
//! waits for, so that how TCP cuts the bytes never matters. [`sniff`] drives them over a stream.

mod authority;
mod driver;
mod http1;
mod http2;
mod progress;
mod proxy_header;
#[cfg(test)]
mod tests;
mod tls;

pub use driver::{Ended, Limits, Sniffed, sniff};
pub(crate) use driver::{FIRST_READ, at_once, sniff_on};
pub(crate) use http1::{Ambiguous, MAX_HEADERS, framing, head_length};
pub use http1::{Framing, Protocol, RequestHead, RequestKind, Tunnel, TunnelHost, request, tunnel};
pub(crate) use http2::{PREFACE as HTTP2_PREFACE, asked_in};
pub use progress::{Need, Parsed, Stop, Wait};
pub use proxy_header::{MAX_PROXY_HEADER, ProxyHeader, proxy_header};
pub use tls::client_hello;

use crate::types::Claim;

/// The usual most that a first message may have: what one TLS record holds, eight times the largest
/// usual `ClientHello`, and above the 8 KiB that servers commonly take for a request head.
pub const DEFAULT_CAP: usize = 16 * 1024;

/// Reads the claim of the first bytes of a connection, or says what is missing.
///
/// A claim is final: more bytes do not change it. `cap` bounds the message, in bytes.
fn detect(bytes: &[u8], cap: usize) -> Result<Claim, Wait> {
    conclude(match bytes.first() {
        None => Err(Stop::undecided(Need::Bytes(1))),
        Some(&tls::HANDSHAKE) => client_hello(bytes, cap).map(Claim::Tls),
        Some(_) => request_head(bytes, cap),
    })
}

/// Reads the head of the HTTP request that a connection begins with. `cap` bounds it, in bytes.
pub fn request_head(bytes: &[u8], cap: usize) -> Parsed<Claim> {
    // HTTP/2's preface is a request line of HTTP/1, so it is looked for first.
    match http2::authority(bytes, cap) {
        Err(Stop::Not) => request(bytes, cap).map(|head| head.claim()),
        parsed => parsed.map(|authority| Claim::Http2 { authority }),
    }
}

/// Every final answer is a claim.
fn conclude(parsed: Parsed<Claim>) -> Result<Claim, Wait> {
    match parsed {
        Ok(claim) => Ok(claim),
        Err(Stop::More(wait)) => Err(wait),
        Err(Stop::Not) => Ok(Claim::Opaque),
        Err(Stop::Malformed(reason)) => Ok(Claim::Malformed(reason)),
    }
}
