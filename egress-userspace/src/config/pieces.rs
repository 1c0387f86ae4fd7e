//! Cuts a text between the entries of its registry, so that a large one is parsed piece by piece: its
//! whole tree takes forty times the memory of the text.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// A piece is as short as whole entries allow from here on: long enough that their number does not
/// matter, short enough that its tree stays in the processor's cache.
const PIECE: usize = 64 << 10;

/// Tables of the registry: each entry is one element of an array, and tells nothing of the others.
const REGISTRY: [&str; 2] = ["service", "route"];

/// A text, cut.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    /// All else, at its own positions: what was cut out is blank.
    pub(super) rest: Cow<'a, str>,
    /// Whole entries, one or more in each, in their order.
    pub(super) entries: Vec<Range<usize>>,
    /// The tables that they are entries of.
    pub(super) roots: Vec<&'static str>,
}

/// Cuts a text. One that is not TOML has fewer cuts, or none: nothing is cut within brackets.
pub(super) fn cut(text: &str) -> Pieces<'_> {
    let mut entries: Vec<Range<usize>> = Vec::new();
    let mut roots = Vec::new();
    for (block, root) in blocks(text) {
        match entries.last_mut() {
            Some(last) if last.end == block.start && last.len() < PIECE => last.end = block.end,
            _ => entries.push(block),
        }
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    Pieces {
        rest: without(text, &entries),
        entries,
        roots,
    }
}

/// Where each entry is: its header with all up to the next header that is not of its own tables.
fn blocks(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &'static str)> = None;
    for start in headers(text) {
        let header = Header::at(text, start);
        if let (Some(header), Some((_, root))) = (&header, open)
            && header.is_below
            && header.root == root
        {
            continue;
        }
        blocks.extend(open.take().map(|(from, root)| (from..start, root)));
        open = header
            .filter(|header| header.is_entry)
            .map(|header| (start, header.root));
    }
    blocks.extend(open.map(|(from, root)| (from..text.len(), root)));
    blocks
}

/// Where tables' headers begin: a bracket that is the first on its line, and in no other.
fn headers(text: &str) -> impl Iterator<Item = usize> {
    let (mut depth, mut is_first) = (0_usize, true);
    Source::new(text).lex().filter_map(move |token| {
        match token.kind() {
            TokenKind::Newline => is_first = true,
            TokenKind::Whitespace => {}
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                let begins = is_first && depth == 0;
                depth += 1;
                is_first = false;
                return begins.then(|| token.span().start());
            }
            kind => {
                is_first = false;
                if matches!(
                    kind,
                    TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket
                ) {
                    depth = depth.saturating_sub(1);
                }
            }
        }
        None
    })
}

/// A header of the registry.
struct Header {
    root: &'static str,
    /// `[[service]]`.
    is_entry: bool,
    /// `[service.…]` or `[[service.…]]`.
    is_below: bool,
}

impl Header {
    /// The header that begins at `start`; `None` for one of another table, or in quotes, which then
    /// is read with the rest.
    fn at(text: &str, start: usize) -> Option<Self> {
        let header = text.get(start..)?.strip_prefix('[')?;
        let (key, is_array) = match header.strip_prefix('[') {
            Some(key) => (key, true),
            None => (header, false),
        };
        let key = key.trim_start_matches([' ', '\t']);
        let root = REGISTRY.into_iter().find(|root| key.starts_with(root))?;
        let after = key.strip_prefix(root)?.trim_start_matches([' ', '\t']);
        Some(Self {
            root,
            is_entry: is_array && after.starts_with("]]"),
            is_below: after.starts_with('.'),
        })
    }
}

/// The text without `entries`, each byte of which is a space. They mostly end it, and then it is only
/// shorter.
fn without<'a>(text: &'a str, entries: &[Range<usize>]) -> Cow<'a, str> {
    let mut end = text.len();
    let mut inner = entries;
    while let [before @ .., last] = inner
        && last.end == end
    {
        (end, inner) = (last.start, before);
    }
    if inner.is_empty() {
        return Cow::Borrowed(text.get(..end).unwrap_or_default());
    }
    let mut rest = String::with_capacity(end);
    for entry in inner {
        rest.push_str(text.get(rest.len()..entry.start).unwrap_or_default());
        rest.extend(std::iter::repeat_n(' ', entry.len()));
    }
    rest.push_str(text.get(rest.len()..end).unwrap_or_default());
    Cow::Owned(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<&str> {
        let cut = cut(text);
        assert!(cut.rest.len() <= text.len());
        cut.entries
            .iter()
            .map(|entry| text.get(entry.clone()).expect("a piece"))
            .collect()
    }

    #[test]
    fn entries_are_cut_out_with_their_own_tables() {
        let service = "[[service]]\nname = 'a'\n[service.traffic_policy]\nx = 1\n";
        let route = "[[ route ]] # one\nname = 'b'\n[[route.match]]\n";
        let text = format!("top = 1\n{service}[dns]\ny = 2\n{route}");
        assert_eq!(entries(&text), [service, route]);
        let blank = " ".repeat(service.len());
        assert_eq!(cut(&text).rest, format!("top = 1\n{blank}[dns]\ny = 2\n"));
    }

    #[test]
    fn nothing_is_cut_in_strings_arrays_and_comments() {
        for text in [
            "a = '''\n[[service]]\n'''",
            "a = [\n[[service]],\n]",
            "# [[service]]",
            "a = \"\"\"\n[[service]]\n",
            "[[services]]",
            "[service]",
            "[[\"service\"]]",
        ] {
            assert_eq!(entries(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn short_entries_share_a_piece() {
        let entry = "[[service]]\nname = 'a'\n";
        assert_eq!(entries(&entry.repeat(9)).len(), 1);
        let many = entry.repeat(3 * PIECE / entry.len());
        assert_eq!(entries(&many).len(), 3);
        assert_eq!(entries(&many).concat(), many);
    }
}
