//! Text of others, for terminals and comments.

/// A text in which every character is what it looks like: all but printable ASCII is escaped. A process
/// chooses its path, and its cgroup's, and could else begin a line of its own, or hide one.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            ' '..='~' => plain.push(char),
            _ => plain.extend(char.escape_default()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_begin_a_line_or_turn_the_text() {
        assert_eq!(plain("/usr/bin/curl (deleted)"), "/usr/bin/curl (deleted)");
        assert_eq!(
            plain("a\n[[service]]\r\u{1b}[2J"),
            "a\\n[[service]]\\r\\u{1b}[2J"
        );
        assert_eq!(
            plain("\u{202e}\u{2028}\u{85}\u{7f}é"),
            "\\u{202e}\\u{2028}\\u{85}\\u{7f}\\u{e9}"
        );
    }
}
