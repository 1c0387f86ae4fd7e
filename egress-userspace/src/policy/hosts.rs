//! Host patterns → what is stored with them: one hash lookup for the name, one for each suffix.

use std::hash::BuildHasher as _;
use std::iter;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::types::{HostName, HostPattern};

/// An immutable index. All patterns share one text and one list, so that a pattern costs a table
/// entry and its bytes, and no allocation of its own.
#[derive(Debug)]
pub(super) struct HostIndex<T> {
    /// All keys, end to end.
    arena: String,
    table: HashTable<Entry>,
    /// Seeded at random, so that nobody can choose names that collide.
    hasher: RandomState,
    values: Vec<T>,
}

/// Where a key and its values are.
#[derive(Debug)]
struct Entry {
    key: Range<usize>,
    values: Range<usize>,
}

impl<T> HostIndex<T> {
    /// Builds the index; the values of one pattern keep their order.
    pub(super) fn new<'p>(patterns: impl IntoIterator<Item = (&'p HostPattern, T)>) -> Self {
        let mut pairs: Vec<_> = patterns
            .into_iter()
            .map(|(p, value)| (key(p), value))
            .collect();
        // Stable, so that equal keys come together and their values stay in order.
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));

        let mut index = Self {
            arena: String::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            values: Vec::new(),
        };
        let mut first = 0;
        for group in pairs.chunk_by(|(a, _), (b, _)| a == b) {
            let key = group.first().map_or("", |(key, _)| key);
            index.insert(key, first..first + group.len());
            first += group.len();
        }
        index.values = pairs.into_iter().map(|(_, value)| value).collect();
        index
    }

    /// The values of every pattern that matches, the most specific pattern first: the name itself,
    /// then the longest suffix, then shorter ones.
    pub(super) fn matches<'a>(&'a self, name: &HostName) -> impl Iterator<Item = &'a [T]> {
        let name = name.as_str();
        let suffixes = name
            .match_indices('.')
            .filter_map(|(dot, _)| name.get(dot..));
        iter::once(name)
            .chain(suffixes)
            .filter_map(|key| self.get(key))
    }

    fn get(&self, key: &str) -> Option<&[T]> {
        let is_key = |entry: &Entry| self.arena.get(entry.key.clone()) == Some(key);
        let entry = self.table.find(self.hasher.hash_one(key), is_key)?;
        self.values.get(entry.values.clone())
    }

    fn insert(&mut self, key: &str, values: Range<usize>) {
        let start = self.arena.len();
        self.arena.push_str(key);
        let entry = Entry {
            key: start..self.arena.len(),
            values,
        };
        let (arena, hasher) = (&self.arena, &self.hasher);
        let hash = |e: &Entry| hasher.hash_one(arena.get(e.key.clone()).unwrap_or_default());
        self.table.insert_unique(hasher.hash_one(key), entry, hash);
    }
}

/// A name is its own key; `*.example.com` has the key `.example.com`, which no name is.
fn key(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Suffix(name) => format!(".{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], name: &str) -> Vec<usize> {
        let patterns: Vec<HostPattern> = patterns
            .iter()
            .map(|p| p.parse().expect("a pattern"))
            .collect();
        let index = HostIndex::new(patterns.iter().zip(0..));
        let name = name.parse().expect("a name");
        index.matches(&name).flatten().copied().collect()
    }

    #[test]
    fn the_most_specific_pattern_comes_first() {
        let patterns = [
            "*.com",
            "*.example.com",
            "a.b.example.com",
            "*.b.example.com",
        ];
        assert_eq!(found(&patterns, "a.b.example.com"), [2, 3, 1, 0]);
        assert_eq!(found(&patterns, "c.example.com"), [1, 0]);
    }

    #[test]
    fn a_wildcard_matches_any_depth_but_never_its_apex() {
        let patterns = ["*.example.com"];
        assert_eq!(found(&patterns, "a.example.com"), [0]);
        assert_eq!(found(&patterns, "a.b.c.example.com"), [0]);
        assert!(found(&patterns, "example.com").is_empty());
        assert!(found(&patterns, "badexample.com").is_empty());
    }

    #[test]
    fn equal_patterns_keep_their_order() {
        assert_eq!(
            found(&["a.example", "b.example", "a.example"], "a.example"),
            [0, 2]
        );
    }
}
