//! JSON on the standard output.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::types::is_obeyed;

/// Prints one JSON object, and ends well.
pub(super) fn print_json(value: &impl Serialize) -> io::Result<ExitCode> {
    write_json(&mut io::stdout().lock(), value)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one JSON object on a line of its own, with nothing in it that a terminal would obey: it may be one that
/// reads it, and names are as clients chose them.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Plain))?;
    writeln!(out)
}

/// Escapes in strings what is obeyed. JSON itself escapes only some of the controls, and has such characters
/// nowhere but in strings.
struct Plain;

impl Formatter for Plain {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some((at, char)) = rest.char_indices().find(|(_, char)| is_obeyed(*char)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(char.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn json_says_the_same_without_what_a_terminal_obeys() {
        let text = "a\u{9b}31m\u{7f}\u{202e}\u{e0041}\x1b\n\"\\ä";
        let value = BTreeMap::from([(text, [text, "plain"])]);
        let mut written = Vec::new();
        write_json(&mut written, &value).expect("it is written");
        let written = String::from_utf8(written).expect("text");
        let line = written.strip_suffix('\n').expect("a line");
        assert!(!line.contains(is_obeyed), "{line:?}");
        assert!(line.contains('ä'), "{line}");
        let back: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(back, serde_json::json!(value));
    }
}
