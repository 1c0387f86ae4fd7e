//! No text makes the reader or the renderer panic.

use proptest::prelude::*;
use proptest::sample::Index;

use super::GOLDEN;
use crate::config::Config;

/// Pieces that break a file in ways that random text hardly ever does.
const PIECES: [&str; 16] = [
    "[",
    "]]",
    "\"",
    "'''",
    "=",
    "{",
    "}",
    ",",
    "\n",
    "-1",
    "é\u{202e}",
    "\0",
    "[[service]]\n",
    "99999999999999999999999999",
    "0x",
    "*.",
];

fn read(text: &str) {
    if let Err(errors) = Config::from_toml("a\nb", text) {
        assert_ne!(errors.iter().len(), 0);
        for error in errors.iter() {
            assert!(
                error.line >= 1 && error.line <= text.split('\n').count(),
                "{error:?}"
            );
        }
        assert!(!errors.render(true).is_empty());
        assert!(!errors.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn a_golden_file_with_pieces_put_in_and_cut_out_is_read_or_refused(
        edits in prop::collection::vec((any::<Index>(), 0..40_usize, 0..=PIECES.len()), 1..6),
    ) {
        let mut text: Vec<char> = GOLDEN.chars().collect();
        for (place, cut, piece) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + cut).min(text.len());
            let piece = PIECES.get(piece).copied().unwrap_or_default();
            text.splice(start..end, piece.chars());
        }
        read(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read(&text);
    }
}
