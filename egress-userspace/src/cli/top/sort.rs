//! The order of a table's rows, and which of them are wanted.

use std::cmp::Ordering;

use super::cell::Cell;
use super::table::{Column, Kind, Row};

/// By which column, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: usize,
    pub(super) descending: bool,
}

impl Sort {
    /// By a column, in the way that shows first what one looks for: the largest number, or A.
    pub(super) fn by(columns: &[Column], column: usize) -> Self {
        let kind = columns.get(column).map(|column| column.kind);
        Self {
            column,
            descending: kind == Some(Kind::Number),
        }
    }

    /// Sorts. Rows that are alike keep an order of their own, so that none jumps from look to look; those
    /// whose value is not known are last either way.
    pub(super) fn sort(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| self.compare(a, b).then_with(|| a.id.cmp(&b.id)));
    }

    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let (Some(a), Some(b)) = (a.cells.get(self.column), b.cells.get(self.column)) else {
            return Ordering::Equal;
        };
        let known = |cell: &Cell| *cell != Cell::Unknown;
        match (known(a), known(b)) {
            (true, true) if self.descending => b.compare(a),
            (a_known, b_known) => b_known.cmp(&a_known).then_with(|| a.compare(b)),
        }
    }
}

/// Whether a row has this text in any of its words, whatever its case.
pub(super) fn matches(row: &Row, text: &str) -> bool {
    let text = text.to_lowercase();
    row.cells.iter().any(|cell| match cell {
        Cell::Text(word) => word.to_lowercase().contains(&text),
        _ => false,
    })
}
