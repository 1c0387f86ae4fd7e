//! The demo's table, for people: cells are wrapped to their column.

use egress_tests::demo::Tried;

/// A column's title, and how many characters its cells have. All together fit a terminal of 132.
const COLUMNS: [(&str, usize); 5] = [
    ("tried", 30),
    ("expected", 28),
    ("what happened", 36),
    ("access log", 26),
    ("", 3),
];
const GAP: &str = " │ ";

/// One block of lines a row.
pub(super) fn render(rows: &[Tried]) -> String {
    let line = COLUMNS.map(|(_, width)| "─".repeat(width)).join("─┼─");
    let mut table = block(&COLUMNS.map(|(title, _)| title.to_owned()));
    for tried in rows {
        let mark = if tried.as_expected() { "ok" } else { "NOT" };
        table.push_str(&line);
        table.push('\n');
        table.push_str(&block(&[
            tried.row.tried.to_owned(),
            tried.row.expected.to_owned(),
            tried.seen.clone(),
            tried.logged.clone(),
            mark.to_owned(),
        ]));
    }
    table
}

/// A row of cells as lines of text.
fn block(cells: &[String; COLUMNS.len()]) -> String {
    let wrapped: Vec<_> = cells
        .iter()
        .zip(COLUMNS)
        .map(|(cell, (_, width))| (wrap(cell, width), width))
        .collect();
    let height = wrapped
        .iter()
        .map(|(lines, _)| lines.len())
        .max()
        .unwrap_or_default();
    let mut block = String::new();
    for i in 0..height {
        let line: Vec<_> = wrapped
            .iter()
            .map(|(lines, width)| format!("{:width$}", lines.get(i).map_or("", String::as_str)))
            .collect();
        block.push_str(line.join(GAP).trim_end());
        block.push('\n');
    }
    block
}

/// Breaks text between words, and within one that is wider than a line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').flat_map(|word| pieces(word, width)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars
        .chunks(width)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one", 3), ["one"]);
        assert!(wrap("", 3).is_empty());
    }

    #[test]
    fn a_word_wider_than_its_column_is_broken() {
        assert_eq!(wrap("a abcdefgh", 3), ["a", "abc", "def", "gh"]);
    }

    #[test]
    fn every_line_of_a_block_has_every_column() {
        let long = "word ".repeat(12);
        let cells = [
            long.clone(),
            "a".into(),
            "b".into(),
            "c".into(),
            "ok".into(),
        ];
        let text = block(&cells);
        assert!(text.lines().count() > 1);
        assert!(
            text.lines()
                .all(|line| line.matches('│').count() == COLUMNS.len() - 1),
            "{text}"
        );
    }
}
