//! Where a head ends, of a request or of a response: at its first empty line.

use super::MAX_HEADERS;

/// Why a head has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    /// A line that readers divide, or join to the one before, in different ways.
    Ambiguous,
    /// More lines than a head may have.
    TooMany,
}

/// The length of the head whose first line has `begin` bytes; `None`: its end has not come yet.
pub(crate) fn head_length(bytes: &[u8], begin: usize) -> Result<Option<usize>, LineError> {
    let mut end = begin;
    for _ in 0..=MAX_HEADERS {
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(line) = line(rest) else {
            return Ok(None);
        };
        end += line.len();
        // A bare LF ends a line for some readers only.
        let content = line.strip_suffix(b"\r\n").ok_or(LineError::Ambiguous)?;
        if content.is_empty() {
            return Ok(Some(end));
        }
        if is_ambiguous(content) {
            return Err(LineError::Ambiguous);
        }
    }
    Err(LineError::TooMany)
}

/// The first line, with what ends it, if that is there.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    bytes.get(..=end)
}

/// Whether readers differ about a field's line (RFC 9112 sections 2.2, 5.1 and 5.2): a bare CR ends it
/// for some, NUL too; white space folds it into the one before, or hides its name.
fn is_ambiguous(content: &[u8]) -> bool {
    let blank = |b: Option<&u8>| b.is_some_and(|b| b" \t".contains(b));
    let name = content.split(|&b| b == b':').next().unwrap_or_default();
    blank(content.first())
        || (name.len() < content.len() && blank(name.last()))
        || content.iter().any(|b| b"\r\0".contains(b))
}
