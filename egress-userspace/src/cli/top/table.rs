//! A table: columns that say what they are, and rows that are known again at the next look.

use super::cell::Cell;

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// Its name in JSON.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// Where there is no room for all columns, those with the highest number go first.
    pub(super) rank: u8,
}

/// How a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole, to the right; sorted from the largest down.
    Number,
    /// As much of its beginning as there is room for.
    Text,
    /// As much of its end as there is room for: what a path leads to.
    Path,
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// What it is about, the same at each look.
    pub(super) id: String,
    /// One for each column.
    pub(super) cells: Vec<Cell>,
    /// What is told of it alone: names and values.
    pub(super) more: Vec<(&'static str, Cell)>,
}

/// Columns and rows.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Row>,
}

impl Column {
    pub(super) const fn number(title: &'static str, key: &'static str, rank: u8) -> Self {
        Self::new(title, key, Kind::Number, rank)
    }

    pub(super) const fn text(title: &'static str, key: &'static str, rank: u8) -> Self {
        Self::new(title, key, Kind::Text, rank)
    }

    pub(super) const fn path(title: &'static str, key: &'static str, rank: u8) -> Self {
        Self::new(title, key, Kind::Path, rank)
    }

    const fn new(title: &'static str, key: &'static str, kind: Kind, rank: u8) -> Self {
        Self {
            title,
            key,
            kind,
            rank,
        }
    }
}
