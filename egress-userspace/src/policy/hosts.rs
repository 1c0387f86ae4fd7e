//! Host patterns → who lists them: one hash lookup for the name, one for each suffix that is as long as
//! some wildcard's.

use std::cmp::Reverse;
use std::hash::BuildHasher as _;
use std::iter;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::types::{HostName, HostPattern};

/// An immutable index. A pattern costs its bytes and one more, and a table entry of 8 bytes; it has no
/// allocation of its own.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    /// All names, each behind its length in one byte: a name has at most 253.
    arena: Vec<u8>,
    exact: HashTable<Entry>,
    /// Apart from the names themselves: there are few, and each lookup asks here several times.
    suffixes: HashTable<Entry>,
    /// How long the suffixes are, the longest first: no others are asked for.
    lengths: Vec<usize>,
    /// Seeded at random, so that nobody can choose names that collide.
    hasher: RandomState,
    /// Where in `members` each pattern's are that several ids list.
    lists: Vec<Range<u32>>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Entry {
    /// Where the name is in the arena.
    name: u32,
    owner: Owner,
}

/// The id that lists a pattern; with the highest bit, the list of them.
#[derive(Clone, Copy, Debug)]
struct Owner(u32);

/// One of several ids that list a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    port: u16,
    id: u32,
}

/// How closely a pattern describes a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostMatch {
    /// A suffix of this many bytes.
    Suffix(usize),
    /// The name itself.
    Exact,
}

/// The ids that list a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids<'a> {
    one: Option<u32>,
    /// Ordered by port.
    many: &'a [Member],
}

impl<'a> Ids<'a> {
    /// Those that may have `port`: a single one is not asked whether it has.
    pub(super) fn on(self, port: u16) -> impl Iterator<Item = u32> + 'a {
        let start = self.many.partition_point(|member| member.port < port);
        let rest = self.many.get(start..).unwrap_or_default().iter();
        let many = rest.take_while(move |member| member.port == port);
        self.one.into_iter().chain(many.map(|member| member.id))
    }

    /// All, one with several ports several times.
    pub(super) fn all(self) -> impl Iterator<Item = u32> + 'a {
        let many = self.many.iter().map(|member| member.id);
        self.one.into_iter().chain(many)
    }
}

impl HostIndex {
    /// Builds the index. Where several ids list one pattern, each is found on its `ports` alone.
    pub(super) fn new<'p, P: Iterator<Item = u16>>(
        patterns: impl Iterator<Item = (&'p HostPattern, u32)> + Clone,
        ports: impl Fn(u32) -> P,
    ) -> Self {
        let is_exact = |pattern: &HostPattern| matches!(pattern, HostPattern::Exact(_));
        let mut index = Self::default();
        let exact = patterns.clone().filter(|(p, _)| is_exact(p)).count();
        index.exact.reserve(exact, |_| 0);
        let mut shared: Vec<Vec<u32>> = Vec::new();
        for (pattern, id) in patterns {
            index.insert(pattern, id, &mut shared);
        }
        index
            .lengths
            .sort_unstable_by_key(|length| Reverse(*length));
        for ids in shared {
            let start = offset(index.members.len());
            let with_port = |id| ports(id).map(move |port| Member { port, id });
            let mut members: Vec<_> = ids.into_iter().flat_map(with_port).collect();
            members.sort_unstable();
            index.members.extend(members);
            index.lists.push(start..offset(index.members.len()));
        }
        let Self {
            arena,
            exact,
            hasher,
            ..
        } = &mut index;
        exact.shrink_to_fit(|entry| hasher.hash_one(name_at(arena, entry.name)));
        arena.shrink_to_fit();
        index.members.shrink_to_fit();
        index
    }

    /// The ids of every pattern that matches, the most specific pattern first: the name itself, then
    /// the longest suffix, then shorter ones.
    pub(super) fn matches(&self, name: &HostName) -> impl Iterator<Item = (HostMatch, Ids<'_>)> {
        let name = name.as_str().as_bytes();
        let exact = iter::once_with(move || Some((HostMatch::Exact, self.get(&self.exact, name)?)));
        let suffixes = self.lengths.iter().map(move |length| {
            let (_, suffix) = name.split_at_checked(name.len().checked_sub(length + 1)?)?;
            let ids = self.get(&self.suffixes, suffix.strip_prefix(b".")?)?;
            Some((HostMatch::Suffix(*length), ids))
        });
        exact.chain(suffixes).flatten()
    }

    /// The ids that list the wildcard for the names below `name`.
    pub(super) fn apex(&self, name: &HostName) -> Option<Ids<'_>> {
        self.get(&self.suffixes, name.as_str().as_bytes())
    }

    fn get(&self, table: &HashTable<Entry>, name: &[u8]) -> Option<Ids<'_>> {
        let is_name = |entry: &Entry| name_at(&self.arena, entry.name) == name;
        let entry = table.find(self.hasher.hash_one(name), is_name)?;
        Some(match entry.owner.list() {
            None => Ids {
                one: Some(entry.owner.0),
                many: &[],
            },
            Some(list) => Ids {
                one: None,
                many: self.list(list).unwrap_or_default(),
            },
        })
    }

    fn list(&self, list: u32) -> Option<&[Member]> {
        let Range { start, end } = self.lists.get(list as usize)?;
        self.members.get(*start as usize..*end as usize)
    }

    fn insert(&mut self, pattern: &HostPattern, id: u32, shared: &mut Vec<Vec<u32>>) {
        let Self {
            arena,
            exact,
            suffixes,
            lengths,
            hasher,
            ..
        } = self;
        if let HostPattern::Suffix(name) = pattern
            && let length = name.as_str().len()
            && !lengths.contains(&length)
        {
            lengths.push(length);
        }
        let (table, name) = match pattern {
            HostPattern::Exact(name) => (exact, name.as_str().as_bytes()),
            HostPattern::Suffix(name) => (suffixes, name.as_str().as_bytes()),
        };
        let hash = hasher.hash_one(name);
        if let Some(entry) = table.find_mut(hash, |entry| name_at(arena, entry.name) == name) {
            entry.owner = entry.owner.and(id, shared);
            return;
        }
        let entry = Entry {
            name: offset(arena.len()),
            owner: Owner(id),
        };
        arena.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        arena.extend_from_slice(name);
        let hash_of = |entry: &Entry| hasher.hash_one(name_at(arena, entry.name));
        table.insert_unique(hash, entry, hash_of);
    }
}

impl Owner {
    const LIST: u32 = 1 << 31;

    fn list(self) -> Option<u32> {
        (self.0 & Self::LIST != 0).then_some(self.0 & !Self::LIST)
    }

    /// This, and `id` too.
    fn and(self, id: u32, lists: &mut Vec<Vec<u32>>) -> Self {
        if self.0 == id {
            return self;
        }
        let list = self.list().unwrap_or_else(|| {
            lists.push(vec![self.0]);
            offset(lists.len() - 1)
        });
        if let Some(ids) = lists.get_mut(list as usize)
            && ids.last() != Some(&id)
        {
            ids.push(id);
        }
        Self(list | Self::LIST)
    }
}

fn name_at(arena: &[u8], at: u32) -> &[u8] {
    let behind = arena.get(at as usize..).unwrap_or_default();
    let Some((length, name)) = behind.split_first() else {
        return &[];
    };
    name.get(..usize::from(*length)).unwrap_or_default()
}

/// A place in one of the arenas. A registry is read from files of at most 64 MiB, so that all of them
/// stay far below 4 GiB; what lay beyond would not be found.
pub(super) fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern number n has port n.
    fn index(patterns: &[&str]) -> HostIndex {
        let patterns: Vec<HostPattern> = patterns
            .iter()
            .map(|p| p.parse().expect("a pattern"))
            .collect();
        let port = |id| iter::once(u16::try_from(id).expect("a few"));
        HostIndex::new(patterns.iter().zip(0..), port)
    }

    fn found(patterns: &[&str], name: &str) -> Vec<u32> {
        let name = name.parse().expect("a name");
        let index = index(patterns);
        index
            .matches(&name)
            .flat_map(|(_, ids)| ids.all())
            .collect()
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
    fn all_that_list_a_pattern_are_found_each_on_its_port() {
        let patterns = ["a.example", "b.example", "a.example", "a.example"];
        assert_eq!(found(&patterns, "a.example"), [0, 2, 3]);
        let name = "a.example".parse().expect("a name");
        let index = index(&patterns);
        let on = |port| -> Vec<u32> {
            index
                .matches(&name)
                .flat_map(|(_, ids)| ids.on(port))
                .collect()
        };
        assert_eq!((on(2), on(1)), (vec![2], vec![]));
    }
}
