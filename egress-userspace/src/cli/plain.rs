//! Text that came from outside, for a terminal.

use std::fmt::Write;

/// As it is, but for characters that a terminal would obey, or that cannot be seen: they are escaped.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if is_obeyed(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

/// JSON that says the same without such characters. JSON itself escapes only the controls of ASCII, and has
/// characters beyond ASCII nowhere but in strings.
pub(super) fn plain_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        if is_obeyed(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(char);
        }
    }
    out
}

/// Controls, and what changes how other text is read and has no picture of its own: Unicode's bidirectional
/// controls, separators of lines, zero-width and tag characters.
fn is_obeyed(char: char) -> bool {
    let is_unseen = matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    char.is_control() || is_unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_the_rest_is_not() {
        assert_eq!(plain("api.example.com – ä"), "api.example.com – ä");
        assert_eq!(plain("\x1b[2J\r\n"), r"\u{1b}[2J\u{d}\u{a}");
        assert_eq!(plain("\u{9b}31m\u{202e}"), r"\u{9b}31m\u{202e}");
        assert_eq!(plain("a\u{200b}b\u{2066}"), r"a\u{200b}b\u{2066}");
    }

    #[test]
    fn json_says_the_same_without_controls() {
        let text = "a\u{9b}31m\u{202e}\u{e0041}\x1b\n\"\\";
        let json = serde_json::to_string(text).expect("JSON");
        let plain = plain_json(&json);
        assert!(plain.is_ascii(), "{plain}");
        let back: String = serde_json::from_str(&plain).expect("JSON");
        assert_eq!(back, text);
    }
}
