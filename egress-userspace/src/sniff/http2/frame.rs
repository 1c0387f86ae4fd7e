//! The frames of a connection's beginning (RFC 9113 section 4): only where they begin and end.

use std::ops::Range;

use super::PREFACE;
use crate::sniff::progress::{Need, Parsed, Stop};
use crate::types::DenyReason;

/// Length, type, flags and stream.
const FRAME_HEADER: usize = 9;
/// `SETTINGS_MAX_FRAME_SIZE` before a server has sent another.
const MAX_FRAME: usize = 1 << 14;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

/// Flag of `SETTINGS`.
const ACK: u8 = 1;
/// Flag of `HEADERS` and `CONTINUATION`.
const END_HEADERS: u8 = 4;

/// A `SETTINGS` frame that leaves every setting as it is.
pub(crate) const EMPTY_SETTINGS: [u8; FRAME_HEADER] = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];

/// Where the first header block ends.
pub(super) fn first_headers_end(bytes: &[u8], cap: usize) -> Parsed<usize> {
    let first = Frame::read(bytes, PREFACE.len(), cap)?;
    if first.kind != SETTINGS || first.has(ACK) {
        return Err(DenyReason::MalformedHttp.into());
    }
    let mut at = first.range.end;
    let mut in_headers = false;
    loop {
        if at == bytes.len() && !in_headers {
            return Err(wait(Need::Frame));
        }
        let frame = Frame::read(bytes, at, cap)?;
        match (frame.kind, in_headers) {
            (HEADERS, false) | (CONTINUATION, true) if frame.has(END_HEADERS) => {
                return Ok(frame.range.end);
            }
            (HEADERS, false) | (CONTINUATION, true) => in_headers = true,
            (_, true) | (DATA | PUSH_PROMISE | CONTINUATION, false) => {
                return Err(DenyReason::MalformedHttp.into());
            }
            _ => {}
        }
        at = frame.range.end;
    }
}

/// Where the client's first acknowledgement of `SETTINGS` is.
pub(crate) fn settings_ack(bytes: &[u8], cap: usize) -> Parsed<Range<usize>> {
    let mut at = PREFACE.len();
    loop {
        let frame = Frame::read(bytes, at, cap)?;
        if frame.kind == SETTINGS && frame.has(ACK) {
            return Ok(frame.range);
        }
        at = frame.range.end;
    }
}

/// A frame that is there as a whole.
struct Frame {
    kind: u8,
    flags: u8,
    range: Range<usize>,
}

impl Frame {
    fn read(bytes: &[u8], at: usize, cap: usize) -> Parsed<Self> {
        let header = at + FRAME_HEADER;
        let Some([high, mid, low, kind, flags, ..]) = bytes.get(at..header) else {
            return Err(wait(Need::Bytes(header)));
        };
        let length = usize::from(*high) << 16 | usize::from(*mid) << 8 | usize::from(*low);
        let end = header + length;
        if length > MAX_FRAME {
            return Err(DenyReason::MalformedHttp.into());
        }
        if end > cap {
            return Err(DenyReason::SniffTooLarge.into());
        }
        if bytes.len() < end {
            return Err(wait(Need::Bytes(end)));
        }
        Ok(Self {
            kind: *kind,
            flags: *flags,
            range: at..end,
        })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

fn wait(need: Need) -> Stop {
    Stop::within(DenyReason::MalformedHttp, need)
}
