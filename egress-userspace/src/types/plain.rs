//! Text that came from outside, for terminals, logs and files.

use std::fmt::Write as _;

/// Whether a character is obeyed rather than shown: controls, and what changes how other text is read and has no
/// picture of its own, which are Unicode's bidirectional controls, separators of lines, zero-width and tag
/// characters.
pub fn is_obeyed(char: char) -> bool {
    let is_unseen = matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    char.is_control() || is_unseen
}

/// The text as it is, but for what is obeyed, which is escaped: it stays on its line, and is read in its order.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if is_obeyed(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

/// A basic string of TOML that means the text, on one line and with nothing in it that is obeyed.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        let number = u32::from(char);
        // Writing to a string can't fail.
        let _ = match char {
            '"' | '\\' => write!(out, "\\{char}"),
            _ if !is_obeyed(char) => out.write_char(char),
            _ if number <= 0xffff => write!(out, "\\u{number:04X}"),
            _ => write!(out, "\\U{number:08X}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of every kind.
    const TEXT: &str = "(\\PC|[\"\\\\\n\r\t\u{1b}\u{7f}\u{85}\u{9b}\u{200b}\u{2028}\u{202e}\u{feff}\u{e0041}]){0,20}";

    #[test]
    fn what_is_obeyed_is_escaped_and_the_rest_is_not() {
        assert_eq!(plain("api.example.com – ä"), "api.example.com – ä");
        assert_eq!(plain("/usr/bin/curl (deleted)"), "/usr/bin/curl (deleted)");
        assert_eq!(plain("\x1b[2J\r\n"), r"\u{1b}[2J\r\n");
        assert_eq!(plain("\u{9b}31m\u{202e}\u{85}"), r"\u{9b}31m\u{202e}\u{85}");
        assert_eq!(plain("a\u{200b}b\u{2066}"), r"a\u{200b}b\u{2066}");
    }

    #[test]
    fn a_quoted_text_is_as_an_operator_would_write_it() {
        assert_eq!(quoted("ä\"\\"), r#""ä\"\\""#);
        assert_eq!(
            quoted("a\n[[service]]\u{202e}\u{e0041}"),
            r#""a\u000A[[service]]\u202E\U000E0041""#
        );
    }

    proptest! {
        #[test]
        fn nothing_that_is_obeyed_is_left(text in TEXT) {
            prop_assert!(!plain(&text).contains(is_obeyed));
        }

        #[test]
        fn a_quoted_text_is_read_as_the_text_and_stays_on_its_line(text in TEXT) {
            let line = format!("x = {}", quoted(&text));
            prop_assert!(!line.contains(is_obeyed), "{line:?}");
            let table: toml::Table = line.parse().expect("TOML");
            prop_assert_eq!(table.get("x").and_then(toml::Value::as_str), Some(&*text));
        }
    }
}
