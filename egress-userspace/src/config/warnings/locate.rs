//! Finds the text that a finding is about.
//!
//! The registry does not keep where each of its names was written: a million of them would cost more
//! than they do. The few entries that there is something to say about are parsed once more.

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{At, Table};
use crate::config::problem::Span;
use crate::config::sources::{Source, Sources};
use crate::types::Place;

/// The place of `at` in `sources`, or the nearest to it.
pub(super) fn span(at: &At, sources: &Sources) -> Span {
    let Some(block) = Block::of(&at.table, sources) else {
        return 0..0;
    };
    let found = at.key.and_then(|key| block.find(key, at.item));
    found.unwrap_or_else(|| block.header())
}

/// The place of an entry's key, or of a text in its array; or the nearest to it.
pub(in crate::config) fn entry(
    place: &Place,
    key: Option<&str>,
    item: Option<&str>,
    sources: &Sources,
) -> Span {
    let Some(block) = Block::of(&Table::Entry(place.clone()), sources) else {
        return 0..0;
    };
    let found = key.and_then(|key| {
        let item = item.and_then(|item| block.position(key, item));
        block.find(key, item)
    });
    found.unwrap_or_else(|| block.header())
}

/// Whether the key of `at` is there.
pub(super) fn is_written(at: &At, sources: &Sources) -> bool {
    let block = Block::of(&at.table, sources);
    block.is_some_and(|block| at.key.is_some_and(|key| block.find(key, None).is_some()))
}

/// A table as it is written: its header with all up to the next header that is not of its own tables.
struct Block<'a> {
    text: &'a str,
    /// Its position in the sources.
    start: usize,
}

impl<'a> Block<'a> {
    fn of(table: &Table, sources: &'a Sources) -> Option<Self> {
        match table {
            Table::Entry(place) => {
                let mut files = sources.iter();
                let file = files.find(|source| source.name == place.file)?;
                let (text, start) = file.since_line(place.line)?;
                Some(Self::first(text, start))
            }
            Table::Section(name) => Self::section(name, sources.iter().next()?),
        }
    }

    fn section(name: &str, main: &'a Source) -> Option<Self> {
        let header = format!("[{name}]");
        let mut start = 0;
        for line in main.text.split_inclusive('\n') {
            if line.trim_start().starts_with(&header) {
                return Some(Self::first(main.text.get(start..)?, main.start + start));
            }
            start += line.len();
        }
        None
    }

    /// The block that `text` begins with.
    fn first(text: &'a str, start: usize) -> Self {
        let mut lines = text.split_inclusive('\n');
        let header = lines.next().unwrap_or_default();
        let name = header.trim().trim_start_matches(['[', ' ', '\t']);
        let name = name.split([']', '.']).next().unwrap_or_default().trim_end();
        let ends = |line: &&str| {
            let key = line.trim_start().strip_prefix('[').map(|key| {
                let key = key.trim_start_matches(['[', ' ', '\t']);
                key.strip_prefix(name).unwrap_or_default().trim_start()
            });
            key.is_some_and(|after| !after.starts_with('.'))
        };
        let rest: usize = lines.take_while(|line| !ends(line)).map(str::len).sum();
        Self {
            text: text.get(..header.len() + rest).unwrap_or(text),
            start,
        }
    }

    fn header(&self) -> Span {
        let header = self.text.lines().next().unwrap_or_default();
        self.start..self.start + header.trim_end().len()
    }

    fn find(&self, key: &str, item: Option<usize>) -> Option<Span> {
        let span = self.with(key, |value| {
            let items = item.and_then(|item| value.get_ref().as_array()?.get(item));
            Some(items.unwrap_or(value).span())
        })?;
        Some(self.start + span.start..self.start + span.end)
    }

    /// Where in a key's array a text stands, in whatever case.
    fn position(&self, key: &str, text: &str) -> Option<usize> {
        self.with(key, |value| {
            let mut items = value.get_ref().as_array()?.iter();
            items.position(|item| {
                let item = item.get_ref().as_str();
                item.is_some_and(|item| item.eq_ignore_ascii_case(text))
            })
        })
    }

    /// Looks at a key's value.
    fn with<T>(
        &self,
        key: &str,
        look: impl FnOnce(&Spanned<DeValue<'_>>) -> Option<T>,
    ) -> Option<T> {
        let (root, _) = DeTable::parse_recoverable(self.text);
        let (_, table) = root.get_ref().iter().next()?;
        let table = match table.get_ref() {
            DeValue::Array(entries) => entries.iter().next()?,
            _ => table,
        };
        look(table.get_ref().as_table()?.get(key)?)
    }
}
