//! Columns of text.

use std::fmt::Write;

/// Spaces between columns.
const GAP: &str = "  ";

/// A heading and rows, each cell as wide as its column's widest.
pub(super) fn table<'a>(heading: impl AsRef<[&'a str]>, rows: &[impl AsRef<[String]>]) -> String {
    let heading: Vec<_> = heading
        .as_ref()
        .iter()
        .copied()
        .map(str::to_owned)
        .collect();
    let lines = || std::iter::once(heading.as_slice()).chain(rows.iter().map(AsRef::as_ref));
    let mut widths = vec![0; heading.len()];
    for line in lines() {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for line in lines() {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        // Writing to a string can't fail.
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = [["a".into(), "1".into()], ["longer".into(), "22".into()]];
        assert_eq!(
            table(["NAME", "N"], &rows),
            "NAME    N\na       1\nlonger  22\n"
        );
    }
}
