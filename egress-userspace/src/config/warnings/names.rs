//! Which pattern means all that another means.

use std::iter;

use crate::types::HostPattern;

/// A pattern as a key: its name, and whether it means the names below instead.
pub(super) type Key<'a> = (&'a str, bool);

/// The key of `pattern`.
pub(super) fn key(pattern: &HostPattern) -> Key<'_> {
    match pattern {
        HostPattern::Exact(name) => (name.as_str(), false),
        HostPattern::Suffix(name) => (name.as_str(), true),
    }
}

/// The keys of all patterns that mean every name that `pattern` means: itself, and the suffixes above.
pub(super) fn covering(pattern: &HostPattern) -> impl Iterator<Item = Key<'_>> {
    let key = key(pattern);
    iter::once(key).chain(above(key.0))
}

/// The keys of all patterns that mean `name`.
pub(super) fn meaning(name: &str) -> impl Iterator<Item = Key<'_>> {
    iter::once((name, false)).chain(above(name))
}

fn above(name: &str) -> impl Iterator<Item = Key<'_>> {
    let dots = name.match_indices('.');
    dots.filter_map(move |(dot, _)| Some((name.get(dot + 1..)?, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_covered_by_itself_and_by_suffixes_above() {
        let of = |text: &str| {
            let pattern: HostPattern = text.parse().expect("a pattern");
            let keys = covering(&pattern).map(|(name, below)| (name.to_owned(), below));
            keys.collect::<Vec<_>>()
        };
        let key = |name: &str, below| (name.to_owned(), below);
        assert_eq!(
            of("a.b.com"),
            [key("a.b.com", false), key("b.com", true), key("com", true)]
        );
        assert_eq!(of("*.b.com"), [key("b.com", true), key("com", true)]);
    }
}
