//! A page as a terminal shows it.

use std::fmt::Write as _;

use super::{Page, Part, paragraphs};

/// Widest text, as of clap's own: longer lines are hard to read.
const WIDEST: usize = 100;
/// Narrowest: a word and an indent have to have room.
const NARROWEST: usize = 40;
/// How far a text is set in below its heading.
const INDENT: usize = 4;

impl Page {
    /// The page in lines of at most `width` letters where words allow it; headings and words that are
    /// explained in bold, if `bold`.
    pub(in crate::cli) fn to_text(&self, width: usize, bold: bool) -> String {
        let width = width.clamp(NARROWEST, WIDEST);
        let strong = |text: &str| {
            if bold {
                format!("\x1b[1m{text}\x1b[0m")
            } else {
                text.to_owned()
            }
        };
        let mut out = format!("{} - {}\n", strong(&self.name), self.about);
        for part in &self.parts {
            out.push('\n');
            match part {
                Part::Heading(heading) => line(&mut out, 0, &strong(heading)),
                Part::Text(text) => wrapped(&mut out, text, INDENT, width),
                Part::Entry { term, text } => {
                    line(&mut out, INDENT, &strong(term));
                    wrapped(&mut out, text, INDENT * 2, width);
                }
                Part::Verbatim(lines) => {
                    for text in lines.lines() {
                        line(&mut out, INDENT, text);
                    }
                }
            }
        }
        out
    }
}

fn line(out: &mut String, indent: usize, text: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(out, "{:indent$}{text}", "");
}

fn wrapped(out: &mut String, text: &str, indent: usize, width: usize) {
    for (i, paragraph) in paragraphs(text).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let mut begun = String::new();
        for word in paragraph.split_whitespace() {
            let length = begun.chars().count() + 1 + word.chars().count();
            if !begun.is_empty() && indent + length > width {
                line(out, indent, &begun);
                begun.clear();
            }
            if !begun.is_empty() {
                begun.push(' ');
            }
            begun.push_str(word);
        }
        line(out, indent, &begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            name: "a".into(),
            section: "7",
            about: "what a is".into(),
            parts: vec![
                Part::section("Words"),
                Part::entry(
                    "word",
                    "It is far longer than any of the others here.\n\nMore.",
                ),
                Part::Verbatim("$ x\n  y".into()),
            ],
        }
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let expected = "a - what a is\n\nWORDS\n\n    word\n        It is far longer than any of the\n        \
                        others here.\n\n        More.\n\n    $ x\n      y\n";
        assert_eq!(page().to_text(40, false), expected);
    }

    #[test]
    fn only_a_terminal_is_sent_escapes() {
        assert!(!page().to_text(80, false).contains('\x1b'));
        assert!(page().to_text(80, true).contains("\x1b[1mword\x1b[0m"));
    }
}
