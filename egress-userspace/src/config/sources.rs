//! The texts that a configuration is made of.

use std::sync::{Arc, OnceLock};

/// Texts, one after the other: a position counts through all of them, so that it says its file too.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Source>);

/// One text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) text: String,
    /// The position of its first byte.
    pub(super) start: usize,
    /// Where each line begins, in the text; found when it is first asked for.
    lines: OnceLock<Vec<usize>>,
}

/// A line of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) source: &'a Source,
    /// From 1.
    pub(super) number: usize,
    /// The position of its first byte.
    pub(super) start: usize,
    /// The position after its last byte, without the newline, also a Windows one.
    pub(super) end: usize,
}

impl Sources {
    /// Where the positions of the next text begin.
    pub(super) fn next_start(&self) -> usize {
        // A text's own end is a place too: the next one begins after it.
        let last = self.0.last();
        last.map_or(0, |last| last.start + last.text.len() + 1)
    }

    /// Adds a text.
    pub(super) fn add(&mut self, name: Arc<str>, text: String) {
        self.0.push(Source {
            name,
            text,
            start: self.next_start(),
            lines: OnceLock::new(),
        });
    }

    /// All texts, the main file's first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The line that has `position`; `None` if there is no source.
    pub(super) fn line(&self, position: usize) -> Option<Line<'_>> {
        let next = self.0.partition_point(|source| source.start <= position);
        let source = self.0.get(next.checked_sub(1)?)?;
        Some(source.line(position - source.start))
    }
}

impl Source {
    /// The text from the line with this number on, from 1, and its position.
    pub(super) fn since_line(&self, number: u32) -> Option<(&str, usize)> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *self.line_starts().get(index)?;
        Some((self.text.get(start..)?, self.start + start))
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(end, _)| end + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    fn line(&self, offset: usize) -> Line<'_> {
        let lines = self.line_starts();
        let number = lines.partition_point(|start| *start <= offset).max(1);
        let start = lines.get(number - 1).copied().unwrap_or_default();
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let end = start + line.len();
        Line {
            source: self,
            number,
            start: self.start + start,
            // A position may be the line's own end.
            end: self.start + end.max(offset),
        }
    }
}

impl<'a> Line<'a> {
    /// The text between two positions of the line.
    pub(super) fn text(&self, start: usize, end: usize) -> &'a str {
        let offset = |position: usize| position.saturating_sub(self.source.start);
        self.source
            .text
            .get(offset(start)..offset(end))
            .unwrap_or_default()
    }
}
