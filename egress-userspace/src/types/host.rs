//! DNS names and the patterns that services list.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

/// Longest name in text form without the trailing dot (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A DNS host name: lower-case A-labels, no trailing dot, never an address.
///
/// Cheap to clone: the text is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

/// Why a text is not a host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// Nothing, or only a dot.
    #[error("the name is empty")]
    Empty,
    /// More than 253 bytes.
    #[error("the name has {0} bytes; at most {MAX_NAME} are allowed")]
    TooLong(usize),
    /// An IP address; names and addresses are matched by different rules.
    #[error("{0} is an address, not a name")]
    Address(IpAddr),
    /// A label that is empty, or longer than 63 bytes.
    #[error("a label has {0} bytes; 1 to {MAX_LABEL} are allowed")]
    LabelLength(usize),
    /// Something other than letters, digits, `-` and `_`, or a `-` at a label's end.
    #[error("the label {0:?} has a character that host names do not have")]
    Character(String),
}

impl HostName {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    /// Reads a name as it stands on the wire: ASCII, any case, perhaps one trailing dot.
    ///
    /// `_` is admitted although host names should not have it: names in use do.
    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        match check(name) {
            Ok(Case::Lower) => Ok(Self(name.into())),
            Ok(Case::Mixed) => Ok(Self(name.to_ascii_lowercase().into())),
            // No address passes for a name, so only what does not is looked at again.
            Err(error) => Err(as_address(text).map_or(error, HostNameError::Address)),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn as_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().ok().or_else(|| {
        bare.strip_suffix('.')?
            .parse::<Ipv4Addr>()
            .ok()
            .map(IpAddr::V4)
    })
}

/// The letters of a name.
enum Case {
    Lower,
    Mixed,
}

/// Checks a name without its trailing dot. Every connection's name is: byte by byte, with nothing made on the way.
fn check(name: &str) -> Result<Case, HostNameError> {
    if name.is_empty() {
        return Err(HostNameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(HostNameError::TooLong(name.len()));
    }
    let mut last: &[u8] = &[];
    for label in name.as_bytes().split(|byte| *byte == b'.') {
        check_label(label)?;
        last = label;
    }
    // The last label of a name is never all digits (RFC 1123 section 2.1): such a text is an
    // address in one of the forms that inet_aton reads.
    if last.iter().all(u8::is_ascii_digit) {
        return Err(wrong_character(last));
    }
    let is_mixed = name.bytes().any(|byte| byte.is_ascii_uppercase());
    Ok(if is_mixed { Case::Mixed } else { Case::Lower })
}

fn check_label(label: &[u8]) -> Result<(), HostNameError> {
    let ([first, .., last] | [first @ last]) = label else {
        return Err(HostNameError::LabelLength(0));
    };
    if label.len() > MAX_LABEL {
        return Err(HostNameError::LabelLength(label.len()));
    }
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if label.iter().all(is_allowed) && *first != b'-' && *last != b'-' {
        Ok(())
    } else {
        Err(wrong_character(label))
    }
}

fn wrong_character(label: &[u8]) -> HostNameError {
    HostNameError::Character(String::from_utf8_lossy(label).into_owned())
}

/// An entry of a service's `hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `www.example.com`: this name only.
    Exact(HostName),
    /// `*.example.com`: one or more labels before the name, never the name itself.
    Suffix(HostName),
}

/// Why a text is not a host pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// A bare `*`: it would admit every name.
    #[error("a bare `*` would admit every name")]
    BareStar,
    /// A `*` anywhere but as the whole first label.
    #[error("`*` stands only as the whole first label, as in `*.example.com`")]
    InnerStar,
    /// International text that has no A-label form (RFC 5891).
    #[error("the name cannot be written in A-labels")]
    International,
    /// The name itself is wrong.
    #[error(transparent)]
    Name(#[from] HostNameError),
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    /// Reads a pattern as an operator writes it; international names become A-labels.
    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        if text == "*" || text == "*." {
            return Err(HostPatternError::BareStar);
        }
        let (name, suffix) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(HostPatternError::InnerStar);
        }
        let name: HostName = if name.is_ascii() {
            name.parse()?
        } else {
            idna::domain_to_ascii(name)
                .map_err(|_| HostPatternError::International)?
                .parse()?
        };
        Ok(if suffix {
            Self::Suffix(name)
        } else {
            Self::Exact(name)
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Suffix(name) => write!(f, "*.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, HostNameError> {
        text.parse::<HostName>().map(|n| n.to_string())
    }

    #[test]
    fn case_and_one_trailing_dot_do_not_matter() {
        assert_eq!(name("WWW.Example.COM."), Ok("www.example.com".into()));
        assert_eq!(
            name("www.example.com.."),
            Err(HostNameError::LabelLength(0))
        );
    }

    #[test]
    fn an_address_in_any_spelling_is_not_a_name() {
        for text in ["192.0.2.1", "192.0.2.1.", "::1", "[2001:db8::1]"] {
            assert!(
                matches!(name(text), Err(HostNameError::Address(_))),
                "{text}"
            );
        }
        for text in ["127.1", "2130706433", "0177.0.0.1"] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_and_characters_are_checked() {
        assert_eq!(name(""), Err(HostNameError::Empty));
        assert_eq!(name("."), Err(HostNameError::Empty));
        assert!(name(&"a".repeat(63)).is_ok());
        assert_eq!(name(&"a".repeat(64)), Err(HostNameError::LabelLength(64)));
        assert!(name(&format!("{}a", "a.".repeat(126))).is_ok());
        assert_eq!(
            name(&format!("{}ab", "a.".repeat(126))),
            Err(HostNameError::TooLong(254))
        );
        for text in [
            "a b",
            "-a.example",
            "a-.example",
            "a\0b",
            "a/b",
            "ü.example",
            "a..b",
            ".a",
        ] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert!(name("_acme.example").is_ok());
    }

    #[test]
    fn patterns_are_exact_or_a_whole_first_label() {
        let pattern = |text: &str| text.parse::<HostPattern>().map(|p| p.to_string());
        assert_eq!(pattern("*.Example.com"), Ok("*.example.com".into()));
        assert_eq!(
            pattern("bücher.example"),
            Ok("xn--bcher-kva.example".into())
        );
        assert_eq!(pattern("*"), Err(HostPatternError::BareStar));
        for text in ["a.*.example", "*a.example", "**.example", "*.*.example"] {
            assert_eq!(pattern(text), Err(HostPatternError::InnerStar), "{text}");
        }
    }
}
