//! Frames (RFC 9113 section 4): where they end, and the header blocks in them.

use crate::types::DenyReason;

/// Length, type, flags and stream.
const HEADER: usize = 9;

const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Flags of `HEADERS` and `CONTINUATION`.
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// Bytes of the priority in `HEADERS`.
const PRIORITY_LENGTH: usize = 5;
/// Longest header block, compressed: four of the frames that a server takes unless it says otherwise.
const MAX_BLOCK: usize = 64 * 1024;
/// Most frames of one block: empty ones cost a server time and the sender nothing.
const MAX_BLOCK_FRAMES: usize = 16;

/// What a connection's bytes begin with, at a frame's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Too little to say.
    More,
    /// A frame that may pass, of this length with its header.
    Plain(u64),
    /// A header block.
    Block {
        /// The length of all its frames with their headers, all of which have arrived.
        length: usize,
        /// Its stream.
        stream: u32,
        /// The block, put together.
        block: Vec<u8>,
    },
}

/// Looks at the client's next frame.
pub fn look(bytes: &[u8]) -> Result<Look, DenyReason> {
    let Some(first) = Frame::read(bytes) else {
        return Ok(Look::More);
    };
    match first.kind {
        // Only servers push; and what continues nothing is an error (RFC 9113 section 6.10).
        PUSH_PROMISE | CONTINUATION => Err(DenyReason::MalformedHttp),
        HEADERS => block(bytes, &first),
        _ => Ok(Look::Plain((HEADER + first.length) as u64)),
    }
}

fn block(bytes: &[u8], first: &Frame) -> Result<Look, DenyReason> {
    let mut block = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_BLOCK_FRAMES {
        let Some(frame) = Frame::read(bytes.get(at..).unwrap_or_default()) else {
            return Ok(Look::More);
        };
        let continues = frame.kind == CONTINUATION && frame.stream == first.stream;
        if at > 0 && !continues {
            return Err(DenyReason::MalformedHttp);
        }
        let begin = at + HEADER;
        let end = begin + frame.length;
        if end > MAX_BLOCK {
            return Err(DenyReason::SniffTooLarge);
        }
        let Some(payload) = bytes.get(begin..end) else {
            return Ok(Look::More);
        };
        block.extend_from_slice(frame.fragment(payload)?);
        at = end;
        if frame.has(END_HEADERS) {
            return Ok(Look::Block {
                length: at,
                stream: first.stream,
                block,
            });
        }
    }
    Err(DenyReason::SniffTooLarge)
}

/// A frame's header.
pub(super) struct Frame {
    /// Of its payload.
    pub(super) length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    /// Reads the header that `bytes` begin with, if it is there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [high, mid, low, kind, flags, stream @ ..] = bytes.first_chunk::<HEADER>()?;
        Some(Self {
            length: usize::from(*high) << 16 | usize::from(*mid) << 8 | usize::from(*low),
            kind: *kind,
            flags: *flags,
            // The first bit is reserved, and ignored.
            stream: u32::from_be_bytes(*stream) & (u32::MAX >> 1),
        })
    }

    /// With its header.
    pub(super) fn whole(&self) -> usize {
        HEADER + self.length
    }

    /// Whether a `CONTINUATION` must follow, with nothing in between.
    pub(super) fn is_continued(&self) -> bool {
        matches!(self.kind, HEADERS | PUSH_PROMISE | CONTINUATION) && !self.has(END_HEADERS)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The piece of a header block in the payload of a `HEADERS` or `CONTINUATION` frame.
    fn fragment<'a>(&self, mut payload: &'a [u8]) -> Result<&'a [u8], DenyReason> {
        if self.kind != HEADERS {
            return Ok(payload);
        }
        if self.has(PADDED) {
            let (&padding, rest) = payload.split_first().ok_or(DenyReason::MalformedHttp)?;
            let kept = rest.len().checked_sub(padding.into());
            payload = kept
                .and_then(|kept| rest.get(..kept))
                .ok_or(DenyReason::MalformedHttp)?;
        }
        if self.has(PRIORITY) {
            payload = payload
                .get(PRIORITY_LENGTH..)
                .ok_or(DenyReason::MalformedHttp)?;
        }
        Ok(payload)
    }
}

/// The frame that ends a connection after this stream (RFC 9113 section 6.8), with a word why. Its code
/// is `NO_ERROR`: what was not begun may be tried again on another.
pub fn go_away(last_stream: u32, refusal: &str) -> Vec<u8> {
    const NO_ERROR: u32 = 0;
    let payload = [
        &last_stream.to_be_bytes()[..],
        &NO_ERROR.to_be_bytes(),
        refusal.as_bytes(),
    ]
    .concat();
    let [_, length @ ..] = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    [&length[..], &[GOAWAY, 0, 0, 0, 0, 0], &payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let [_, _, high, low] = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [
            &[0, high, low, kind, flags, 0x80, 0, 0, stream][..],
            payload,
        ]
        .concat()
    }

    fn found(stream: u32, length: usize, block: &[u8]) -> Look {
        Look::Block {
            length,
            stream,
            block: block.into(),
        }
    }

    #[test]
    fn a_block_is_put_together_from_its_frames() {
        let one = frame(HEADERS, END_HEADERS, 1, b"abc");
        assert_eq!(look(&one), Ok(found(1, one.len(), b"abc")));
        let padded = frame(
            HEADERS,
            END_HEADERS | PADDED | PRIORITY,
            3,
            b"\x02ppppPabc__",
        );
        assert_eq!(look(&padded), Ok(found(3, padded.len(), b"abc")));
        let two = [
            frame(HEADERS, PADDED, 5, b"\x01ab_"),
            frame(CONTINUATION, 0, 5, b""),
            frame(CONTINUATION, END_HEADERS, 5, b"c"),
        ]
        .concat();
        assert_eq!(look(&two), Ok(found(5, two.len(), b"abc")));
        for end in 0..two.len() {
            assert_eq!(
                look(two.get(..end).expect("a prefix")),
                Ok(Look::More),
                "{end}"
            );
        }
    }

    #[test]
    fn other_frames_pass_as_soon_as_their_length_is_known() {
        let data = frame(0, 0, 1, &[0; 300]);
        assert_eq!(
            look(data.get(..HEADER).expect("its header")),
            Ok(Look::Plain(309))
        );
        assert_eq!(look(&[]), Ok(Look::More));
        assert_eq!(look(&[0xff; HEADER]), Ok(Look::Plain(0xff_ffff + 9)));
    }

    #[test]
    fn what_is_out_of_order_is_malformed() {
        for bytes in [
            frame(PUSH_PROMISE, 0, 1, b""),
            frame(CONTINUATION, END_HEADERS, 1, b""),
            [frame(HEADERS, 0, 1, b""), frame(0, 0, 1, b"")].concat(),
            [frame(HEADERS, 0, 1, b""), frame(CONTINUATION, 4, 3, b"")].concat(),
            frame(HEADERS, END_HEADERS | PADDED, 1, b""),
            frame(HEADERS, END_HEADERS | PADDED, 1, b"\x02a"),
            frame(HEADERS, END_HEADERS | PRIORITY, 1, b"abcd"),
        ] {
            assert_eq!(look(&bytes), Err(DenyReason::MalformedHttp), "{bytes:x?}");
        }
    }

    #[test]
    fn a_block_is_bounded_in_bytes_and_in_frames() {
        let flood = [
            frame(HEADERS, 0, 1, b""),
            frame(CONTINUATION, 0, 1, b"").repeat(MAX_BLOCK_FRAMES),
        ]
        .concat();
        assert_eq!(look(&flood), Err(DenyReason::SniffTooLarge));
        let huge = [1, 0, 0, HEADERS, END_HEADERS, 0, 0, 0, 1];
        assert_eq!(look(&huge), Err(DenyReason::SniffTooLarge));
    }
}
