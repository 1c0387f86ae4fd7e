//! Lines of a text from outside, in bounded memory.

use std::io::{self, BufRead};

/// Longest line that is kept, in bytes. The longest that a gateway writes has paths of an executable and of
/// a cgroup (4,096 bytes each, and six for one that has to be escaped), and the path of a configuration.
pub(super) const MAX_LINE: usize = 128 << 10;

/// Reads lines.
pub(super) struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

/// A line that is longer than [`MAX_LINE`]: it was read to its end, and not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            line: Vec::new(),
        }
    }

    /// The next line, without its newline; `None` at the end. The last one may lack the newline.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<&[u8], TooLong>>> {
        self.line.clear();
        let (mut length, mut any) = (0_usize, false);
        loop {
            let bytes = match self.from.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                break;
            }
            any = true;
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let part = newline.unwrap_or(bytes.len());
            length = length.saturating_add(part);
            let room = MAX_LINE - self.line.len();
            self.line
                .extend_from_slice(bytes.get(..part.min(room)).unwrap_or_default());
            self.from.consume(newline.map_or(part, |at| at + 1));
            if newline.is_some() {
                break;
            }
        }
        Ok(match any {
            false => None,
            true if length > MAX_LINE => Some(Err(TooLong)),
            true => Some(Ok(&self.line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The lengths of the lines, read through a buffer of so many bytes.
    fn lengths(text: &[u8], buffer: usize) -> Vec<Result<usize, TooLong>> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        let mut lengths = Vec::new();
        while let Some(line) = lines.next().expect("memory can be read") {
            lengths.push(line.map(<[u8]>::len));
        }
        lengths
    }

    #[test]
    fn lines_are_the_same_whatever_the_reader_gives_at_once() {
        for buffer in 1..8 {
            assert_eq!(lengths(b"", buffer), []);
            assert_eq!(lengths(b"\n", buffer), [Ok(0)]);
            assert_eq!(lengths(b"ab\n\nc", buffer), [Ok(2), Ok(0), Ok(1)]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_not_kept() {
        let mut text = vec![b'x'; MAX_LINE];
        text.push(b'\n');
        assert_eq!(lengths(&text, 1000), [Ok(MAX_LINE)]);
        text.insert(0, b'x');
        text.extend_from_slice(b"ab\n");
        assert_eq!(lengths(&text, 1000), [Err(TooLong), Ok(2)]);
        let mut lines = Lines::new(&text[..]);
        assert!(matches!(lines.next(), Ok(Some(Err(TooLong)))));
        assert!(lines.line.capacity() <= 2 * MAX_LINE);
    }
}
