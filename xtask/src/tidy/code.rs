//! Rust text as words and punctuation, without comments and literals, each knowing where it is.

/// A word or one character of punctuation; `::` is one token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
    /// How many inline modules it is in.
    pub(super) depth: usize,
    /// Whether only tests are compiled with it.
    pub(super) in_test: bool,
}

/// Splits code into tokens and marks where they are.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = split(&blank(text));
    mark_modules(&mut tokens);
    mark_tests(&mut tokens);
    tokens
}

/// The texts at and after a place, for matching.
pub(super) fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len()
        && tokens
            .iter()
            .zip(texts)
            .all(|(token, text)| token.text == *text)
}

fn split(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (word, after) = rest.split_at(length);
            tokens.push(Token {
                text: word.into(),
                line,
                depth: 0,
                in_test: false,
            });
            rest = after.trim_start();
        }
    }
    tokens
}

/// Counts the `mod name {` that each token is inside of.
fn mark_modules(tokens: &mut [Token]) {
    let mut open = Vec::new();
    for i in 0..tokens.len() {
        let (before, rest) = tokens.split_at_mut(i);
        let Some(token) = rest.first_mut() else {
            return;
        };
        match token.text.as_str() {
            "{" => open.push(before.iter().rev().nth(1).is_some_and(|t| t.text == "mod")),
            "}" => drop(open.pop()),
            _ => {}
        }
        token.depth = open.iter().filter(|is_module| **is_module).count();
    }
}

/// Marks each item that `#[cfg(test)]` stands before: up to its `;` or the end of its braces.
fn mark_tests(tokens: &mut [Token]) {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut rest = tokens;
    while let Some(start) =
        (0..rest.len()).find(|i| rest.get(*i..).is_some_and(|t| starts_with(t, &ATTRIBUTE)))
    {
        let (_, item) = rest.split_at_mut(start);
        let end = item_end(item);
        let (item, after) = item.split_at_mut(end);
        mark_test(item);
        rest = after;
    }
}

/// Marks what is compiled only for tests.
pub(super) fn mark_test(tokens: &mut [Token]) {
    for token in tokens {
        token.in_test = true;
    }
}

/// How many tokens an item has.
fn item_end(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match (token.text.as_str(), depth) {
            ("{", _) => depth += 1,
            ("}", 0 | 1) | (";", 0) => return i + 1,
            ("}", _) => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The text with comments and literals as blanks, line by line as it was.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = hidden(rest, out.chars().next_back());
        if length == 0 {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (gone, after) = rest.split_at(length);
            out.push(' ');
            out.extend(gone.chars().filter(|c| *c == '\n'));
            rest = after;
        }
    }
    out
}

/// How many bytes of a comment or literal begin here; 0 for code.
fn hidden(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let bytes = rest
        .strip_prefix(['b', 'c'])
        .filter(|_| !in_word)
        .unwrap_or(rest);
    let prefix = rest.len() - bytes.len();
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if bytes.starts_with('"') {
        prefix + quoted(bytes, '"')
    } else if bytes.starts_with("r\"") || bytes.starts_with("r#") {
        if in_word {
            0
        } else {
            raw(bytes).map_or(0, |length| prefix + length)
        }
    } else if bytes.starts_with('\'') && is_character(bytes) {
        prefix + quoted(bytes, '\'')
    } else {
        0
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"` and `r#"…"#`; `None` for a raw name such as `r#type`.
fn raw(rest: &str) -> Option<usize> {
    let body = rest.get(1..)?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(1 + hashes + 1 + length)
}

/// A character rather than a lifetime: `'a'`, `'\n'`, but not `'a`.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "a // b\n/* c /* d */ e */ f \"g \\\" h\" b\"i\" r#\"j \" k\"# 'l' b'\\'' 'm";
        assert_eq!(words(text), ["a", "f", "'", "m"]);
    }

    #[test]
    fn a_raw_name_and_a_word_that_ends_in_r_are_code() {
        assert_eq!(words("r#type for\"x\" r"), ["r", "#", "type", "for", "r"]);
    }

    #[test]
    fn lines_are_counted_through_what_is_hidden() {
        let lines: Vec<_> = tokens("a\n/*\n*/ b \"\n\" c")
            .into_iter()
            .map(|t| t.line)
            .collect();
        assert_eq!(lines, [1, 3, 4]);
    }

    #[test]
    fn test_items_end_where_their_braces_or_semicolon_do() {
        let text = "a #[cfg(test)] mod t { fn f() {} } b #[cfg(test)] use x; c";
        let shipped: Vec<_> = tokens(text)
            .into_iter()
            .filter(|t| !t.in_test)
            .map(|t| t.text)
            .collect();
        assert_eq!(shipped, ["a", "b", "c"]);
    }

    #[test]
    fn inline_modules_are_counted() {
        let depths: Vec<_> = tokens("a mod m { b { c } } d")
            .into_iter()
            .filter(|t| ["a", "b", "c", "d"].contains(&t.text.as_str()))
            .map(|t| t.depth)
            .collect();
        assert_eq!(depths, [0, 1, 1, 0]);
    }
}
