//! Patterns of paths, with `*` within one component.

use std::fmt;
use std::str::FromStr;

/// A path in which `*` stands for any text without a `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern(Box<str>);

/// Why a text is not a path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// Nothing, or only a slash: it would mean every path.
    #[error("the pattern is empty")]
    Empty,
    /// `..`, `.` or nothing between two slashes: no path of the kernel's has it.
    #[error("the component {0:?} is in no path that the kernel tells")]
    Component(String),
    /// `**`: a `*` does not reach over a `/`.
    #[error("`**` has no meaning: `*` stands for text without a `/`")]
    Stars,
}

impl PathPattern {
    /// Whether `path` is what the pattern says.
    pub fn is_match(&self, path: &str) -> bool {
        let (mut pattern, mut path) = (self.0.split('/'), path.split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some(want), Some(part)) if component(want, part) => {}
                _ => return false,
            }
        }
    }

    /// Whether `path`, or a directory above it, is what the pattern says.
    pub fn covers(&self, path: &str) -> bool {
        let mut path = path.split('/');
        self.0
            .split('/')
            .all(|want| path.next().is_some_and(|part| component(want, part)))
    }

    /// Bytes that stand for themselves.
    pub fn literal_len(&self) -> usize {
        self.0.bytes().filter(|byte| *byte != b'*').count()
    }
}

/// The parts between stars follow each other in `text`, the first at its start, the last at its end.
fn component(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        if inner.is_empty() {
            return Err(PathPatternError::Empty);
        }
        if text.contains("**") {
            return Err(PathPatternError::Stars);
        }
        let strange = |part: &&str| matches!(*part, "" | "." | "..");
        match inner.split('/').find(strange) {
            Some(part) => Err(PathPatternError::Component(part.into())),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern
            .parse::<PathPattern>()
            .expect("a pattern")
            .is_match(path)
    }

    #[test]
    fn a_star_stays_within_its_component() {
        assert!(matches("/a/*/c", "/a/b/c"));
        assert!(!matches("/a/*/c", "/a/b/b/c"));
        assert!(matches("/a-*-*.x", "/a-1-2.x"));
        assert!(!matches("/a-*-*.x", "/a-1.x"));
        assert!(
            !matches("/ab*ba", "/aba"),
            "the two ends do not share a letter"
        );
    }

    #[test]
    fn what_would_mean_all_or_nothing_is_no_pattern() {
        for text in ["", "/", "//a", "/a//b", "/a/", "/../a", "/a/.", "/a/**"] {
            assert!(text.parse::<PathPattern>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn stars_match_as_a_plain_search_does(pattern in "[ab*]{1,6}", text in "[ab]{0,8}") {
            prop_assume!(!pattern.contains("**"));
            prop_assert_eq!(component(&pattern, &text), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }

    fn plain(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|n| plain(rest, text.split_at(n).1)),
            [first, rest @ ..] => text
                .split_first()
                .is_some_and(|(t, text)| t == first && plain(rest, text)),
        }
    }
}
