//! The record layer (RFC 8446 section 5.1): the first handshake message, joined from its records.

use std::borrow::Cow;

use crate::sniff::progress::{Need, Parsed, Stop};
use crate::types::DenyReason;

/// Content type of a handshake record, and so the first byte of a connection that speaks TLS.
pub(crate) const HANDSHAKE: u8 = 22;
/// First byte of every record version since SSL 3.0; the second must be ignored.
const VERSION_MAJOR: u8 = 3;
/// Type, version and length.
const RECORD_HEADER: usize = 5;
/// The most a plaintext record holds.
const MAX_RECORD: usize = 1 << 14;
/// Handshake type of a `ClientHello`.
const CLIENT_HELLO: u8 = 1;
/// Handshake type and length.
const MESSAGE_HEADER: usize = 4;
/// Record headers that a message at the cap may have: far more than the two that it needs. A shorter
/// message may have more of them.
const RECORDS_AT_CAP: usize = 64;

/// The most bytes that are read for a message of `cap` bytes.
pub(crate) fn wire_limit(cap: usize) -> usize {
    cap.saturating_add(RECORDS_AT_CAP * RECORD_HEADER)
}

/// The body of the first handshake message, which must be a `ClientHello`.
///
/// Nothing is copied unless it came in several records.
pub(super) fn first_message(bytes: &[u8], cap: usize) -> Parsed<Cow<'_, [u8]>> {
    let mut message = Cow::Borrowed(&[][..]);
    // How many bytes of handshake the records so far announce.
    let mut announced = 0;
    let mut at = 0;
    loop {
        let record = Record::read(bytes, at)?;
        append(&mut message, record.arrived);
        announced += record.length;
        if let Some(length) = message_length(&message, cap)? {
            // After a ClientHello the client waits: its last record holds nothing else.
            let absent = length
                .checked_sub(announced)
                .ok_or(DenyReason::MalformedTls)?;
            let header = if absent == 0 { 0 } else { RECORD_HEADER };
            let least = record.end + header + absent;
            if least > wire_limit(cap) {
                return Err(DenyReason::SniffTooLarge.into());
            }
            if bytes.len() < record.end + header {
                return Err(wait(least));
            }
            if absent == 0 {
                return Ok(without_header(message));
            }
        } else if bytes.len() < record.end {
            return Err(wait(bytes.len() + 1));
        }
        at = record.end;
    }
}

/// A record whose header has arrived.
struct Record<'a> {
    length: usize,
    /// As much of the record's content as is there.
    arrived: &'a [u8],
    /// Where the next record begins.
    end: usize,
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Parsed<Self> {
        let rest = bytes.get(at..).unwrap_or_default();
        let (length, content) = match rest {
            [HANDSHAKE, VERSION_MAJOR, _, high, low, content @ ..] => {
                (usize::from(u16::from_be_bytes([*high, *low])), content)
            }
            [] | [HANDSHAKE] => return Err(more(at, bytes)),
            [HANDSHAKE, VERSION_MAJOR, ..] => return Err(wait(bytes.len() + 1)),
            _ if at == 0 => return Err(Stop::Not),
            _ => return Err(DenyReason::MalformedTls.into()),
        };
        if length == 0 || length > MAX_RECORD {
            return Err(DenyReason::MalformedTls.into());
        }
        let arrived = content.get(..length).unwrap_or(content);
        Ok(Self {
            length,
            arrived,
            end: at + RECORD_HEADER + length,
        })
    }
}

/// The first byte alone does not make it TLS.
fn more(at: usize, bytes: &[u8]) -> Stop {
    let next = bytes.len() + 1;
    if at == 0 {
        Stop::undecided(Need::Bytes(next))
    } else {
        wait(next)
    }
}

fn wait(least: usize) -> Stop {
    Stop::within(DenyReason::MalformedTls, Need::Bytes(least))
}

fn append<'a>(message: &mut Cow<'a, [u8]>, fragment: &'a [u8]) {
    if message.is_empty() {
        *message = Cow::Borrowed(fragment);
    } else {
        message.to_mut().extend_from_slice(fragment);
    }
}

/// The whole message's length with its header, as soon as the header is there.
fn message_length(message: &[u8], cap: usize) -> Result<Option<usize>, DenyReason> {
    match message {
        [CLIENT_HELLO, high, mid, low, ..] => {
            let body = u32::from_be_bytes([0, *high, *mid, *low]);
            let length = usize::try_from(body).map_or(usize::MAX, |body| body + MESSAGE_HEADER);
            if length > cap {
                Err(DenyReason::SniffTooLarge)
            } else {
                Ok(Some(length))
            }
        }
        [] | [CLIENT_HELLO, ..] => Ok(None),
        _ => Err(DenyReason::MalformedTls),
    }
}

fn without_header(message: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match message {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(MESSAGE_HEADER..).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.drain(..MESSAGE_HEADER);
            Cow::Owned(bytes)
        }
    }
}
