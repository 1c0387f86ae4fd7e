//! How a message's body is framed (RFC 9112 section 6), told the same by every reader or not at all.

/// How a body is framed, by the fields of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The head says nothing: a request has no body; a response has one that ends with the connection.
    Unsaid,
    /// `Content-Length`, in bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Two readers could see the body end at different places (RFC 9112 section 11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Most digits of a length: what a signed 64-bit integer, the smallest that readers have, holds of any.
const MAX_DIGITS: usize = 18;

/// The framing that a head's fields say; `version` is the minor one.
pub(crate) fn framing(headers: &[httparse::Header<'_>], version: u8) -> Result<Framing, Ambiguous> {
    let mut framing = Framing::Unsaid;
    for header in headers {
        let told = if is(header.name, "content-length") {
            Framing::Length(length(header.value)?)
        } else if is(header.name, "transfer-encoding") {
            chunked(header.value, version)?
        } else {
            continue;
        };
        // A second one is for some readers the one that counts, even where it says the same.
        if framing != Framing::Unsaid || header.name.contains('_') {
            return Err(Ambiguous);
        }
        framing = told;
    }
    Ok(framing)
}

/// Whether a field has this name, for a reader that takes `_` for `-` too, as CGI does (RFC 3875
/// section 4.1.18).
fn is(name: &str, known: &str) -> bool {
    let same = |(a, b): (u8, u8)| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b'-');
    name.len() == known.len() && name.bytes().zip(known.bytes()).all(same)
}

/// Digits alone, and no zero before others, which some take for octal.
fn length(value: &[u8]) -> Result<u64, Ambiguous> {
    let octal = value.len() > 1 && value.first() == Some(&b'0');
    let digits = value.iter().all(u8::is_ascii_digit);
    if octal || !digits || value.len() > MAX_DIGITS {
        return Err(Ambiguous);
    }
    let text = str::from_utf8(value).map_err(|_| Ambiguous)?;
    text.parse().map_err(|_| Ambiguous)
}

/// `chunked` alone: of other codings a reader may not know. HTTP/1.0 has none (RFC 9112 section 6.1).
fn chunked(value: &[u8], version: u8) -> Result<Framing, Ambiguous> {
    if version == 1 && value.eq_ignore_ascii_case(b"chunked") {
        Ok(Framing::Chunked)
    } else {
        Err(Ambiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &[(&str, &str)], version: u8) -> Result<Framing, Ambiguous> {
        let headers: Vec<_> = fields
            .iter()
            .map(|(name, value)| httparse::Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        framing(&headers, version)
    }

    #[test]
    fn one_plain_statement_is_understood() {
        assert_eq!(told(&[("Host", "a.test")], 1), Ok(Framing::Unsaid));
        assert_eq!(told(&[("content-LENGTH", "0")], 0), Ok(Framing::Length(0)));
        let most = "9".repeat(MAX_DIGITS);
        assert_eq!(
            told(&[("Content-Length", &most)], 1),
            Ok(Framing::Length(999_999_999_999_999_999))
        );
        assert_eq!(
            told(&[("Transfer-Encoding", "Chunked")], 1),
            Ok(Framing::Chunked)
        );
    }

    #[test]
    fn every_other_length_is_ambiguous() {
        for value in [
            "",
            "+5",
            "-5",
            "5, 5",
            "5,5",
            "05",
            "00",
            "0x5",
            "5 5",
            "5.0",
            "5;",
            "\u{665}",
            "9999999999999999999",
            "18446744073709551616",
            "1e3",
        ] {
            assert_eq!(
                told(&[("Content-Length", value)], 1),
                Err(Ambiguous),
                "{value}"
            );
        }
    }

    #[test]
    fn every_other_coding_is_ambiguous() {
        for value in [
            "",
            "identity",
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "xchunked",
            "chunked;q=1",
            "\u{b}chunked",
            "chunked,",
            "\"chunked\"",
        ] {
            assert_eq!(
                told(&[("Transfer-Encoding", value)], 1),
                Err(Ambiguous),
                "{value}"
            );
        }
        assert_eq!(told(&[("Transfer-Encoding", "chunked")], 0), Err(Ambiguous));
    }

    #[test]
    fn two_statements_are_ambiguous_even_if_they_agree() {
        let (length, coding) = (("Content-Length", "5"), ("Transfer-Encoding", "chunked"));
        for fields in [
            [length, coding],
            [coding, length],
            [length, length],
            [coding, coding],
            [("Content-Length", "5"), ("content-length", "6")],
        ] {
            assert_eq!(told(&fields, 1), Err(Ambiguous), "{fields:?}");
        }
    }

    #[test]
    fn a_name_that_some_take_for_another_is_ambiguous() {
        assert_eq!(told(&[("Content_Length", "5")], 1), Err(Ambiguous));
        assert_eq!(told(&[("Transfer_Encoding", "chunked")], 1), Err(Ambiguous));
    }
}
