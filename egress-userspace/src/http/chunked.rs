//! The chunked coding (RFC 9112 section 7.1): where a body in it ends.

use crate::sniff::{Ambiguous, MAX_HEADERS};

use super::body::{Followed, Next};

/// Longest line of a chunk's size, with its extensions, which nobody is known to use.
const MAX_SIZE_LINE: usize = 256;
/// Most hexadecimal digits of a size: one less than the smallest integer that readers have for it.
const MAX_SIZE_DIGITS: usize = 15;
/// Longest trailer field, as a server takes a whole head.
const MAX_TRAILER: usize = 8 * 1024;
/// Fields that a trailer section must not have (RFC 9110 section 6.5.1): a reader that merges them into
/// the head would see another message.
pub(super) const NOT_IN_TRAILERS: [&str; 3] = ["content-length", "transfer-encoding", "host"];

/// How far a body has been followed.
#[derive(Debug)]
pub(super) struct Chunked {
    part: Part,
    /// Trailer fields so far.
    trailers: usize,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Size,
            trailers: 0,
        }
    }

    /// Follows the body through `bytes`, which come after those that were taken before.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Followed, Ambiguous> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let most = match self.part {
                Part::Done => return Ok(Followed::new(taken, Next::Done)),
                Part::Data(left) => {
                    let here = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    taken += here;
                    self.skip(here as u64);
                    match self.part {
                        Part::Data(left) => return Ok(Followed::new(taken, Next::Data(left))),
                        _ => continue,
                    }
                }
                Part::Size => MAX_SIZE_LINE,
                Part::DataEnd => 0,
                Part::Trailers => MAX_TRAILER,
            };
            let Some(content) = line(rest, most)? else {
                return Ok(Followed::new(taken, Next::More));
            };
            taken += content.len() + 2;
            self.part = self.after(content)?;
        }
    }

    /// Notes that `count` bytes of data were passed on.
    pub(super) fn skip(&mut self, count: u64) {
        if let Part::Data(left) = self.part {
            self.part = match left.saturating_sub(count) {
                0 => Part::DataEnd,
                left => Part::Data(left),
            };
        }
    }

    /// What comes after a line.
    fn after(&mut self, content: &[u8]) -> Result<Part, Ambiguous> {
        match self.part {
            Part::Size => Ok(match size(content)? {
                0 => Part::Trailers,
                size => Part::Data(size),
            }),
            Part::DataEnd => Ok(Part::Size),
            Part::Trailers if content.is_empty() => Ok(Part::Done),
            Part::Trailers => {
                self.trailers += 1;
                if self.trailers > MAX_HEADERS || !is_trailer(content) {
                    return Err(Ambiguous);
                }
                Ok(Part::Trailers)
            }
            part @ (Part::Data(_) | Part::Done) => Ok(part),
        }
    }
}

/// The first line, of at most `most` bytes, without the CRLF that ends it; `None`: it has not ended yet.
fn line(bytes: &[u8], most: usize) -> Result<Option<&[u8]>, Ambiguous> {
    let window = bytes.get(..most + 2).unwrap_or(bytes);
    let Some(end) = window.iter().position(|&b| b == b'\n') else {
        // What cannot be a line's rest any more is told at once.
        let hopeless = window.len() == most + 2 || (most == 0 && !b"\r".starts_with(window));
        return if hopeless { Err(Ambiguous) } else { Ok(None) };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.ok_or(Ambiguous)?;
    let plain = |&b: &u8| b == b'\t' || (b >= b' ' && b != 0x7f);
    if line.iter().all(plain) {
        Ok(Some(line))
    } else {
        Err(Ambiguous)
    }
}

/// The size in a chunk's first line: digits, and then nothing or an extension.
fn size(content: &[u8]) -> Result<u64, Ambiguous> {
    let digits = content.split(|&b| b == b';').next().unwrap_or_default();
    let sound =
        (1..=MAX_SIZE_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = str::from_utf8(digits).map_err(|_| Ambiguous)?;
    match u64::from_str_radix(text, 16) {
        Ok(size) if sound => Ok(size),
        _ => Err(Ambiguous),
    }
}

/// A name, a colon, and a value, and not one that belongs into a head.
fn is_trailer(content: &[u8]) -> bool {
    let Some(colon) = content.iter().position(|&b| b == b':') else {
        return false;
    };
    let name = content.get(..colon).unwrap_or_default();
    let token = |b: &u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(b);
    !name.is_empty()
        && name.iter().all(token)
        && !NOT_IN_TRAILERS
            .iter()
            .any(|n| n.as_bytes().eq_ignore_ascii_case(name))
}
