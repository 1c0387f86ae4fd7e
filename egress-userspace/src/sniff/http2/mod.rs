//! HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3): the first request's `:authority`.

mod frame;
mod request;

use super::progress::{Need, Parsed, Stop};
use crate::types::HostName;

pub(super) use frame::{EMPTY_SETTINGS, settings_ack};
pub(crate) use request::asked_in;

/// What a client sends first (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The name that the first request is for; `None`: none was sent, or an address. `cap` bounds all
/// that comes up to the end of that request's header block.
pub(super) fn authority(bytes: &[u8], cap: usize) -> Parsed<Option<HostName>> {
    if !bytes.starts_with(PREFACE) {
        let undecided = PREFACE.starts_with(bytes);
        let more = Stop::undecided(Need::Bytes(bytes.len() + 1));
        return Err(if undecided { more } else { Stop::Not });
    }
    let end = frame::first_headers_end(bytes, cap)?;
    Ok(request::name(bytes.get(..end).unwrap_or(bytes), cap)?)
}
