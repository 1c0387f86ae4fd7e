//! Text that came from outside, for a terminal.

/// As it is, but for characters that a terminal would obey: control characters, and those that turn the
/// direction of writing (Unicode's bidirectional controls), are escaped.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() || is_bidirectional(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

fn is_bidirectional(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_the_rest_is_not() {
        assert_eq!(plain("api.example.com – ä"), "api.example.com – ä");
        assert_eq!(plain("\x1b[2J\r\n"), r"\u{1b}[2J\u{d}\u{a}");
        assert_eq!(plain("\u{9b}31m\u{202e}"), r"\u{9b}31m\u{202e}");
    }
}
