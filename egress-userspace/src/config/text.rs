//! One text: its tables, and its entries of the registry, piece by piece.

use std::sync::Arc;

use serde_spanned::Spanned;
use toml::de::DeTable;

use super::pieces::cut;
use super::problem::{Problem, Span};
use super::registry::{Lines, Registry};
use super::route::RawRoute;
use super::section::{self, Section, section};
use super::service::RawService;
use super::value::Marked;

section! {
    /// What an included file has.
    pub(super) RawPart = "" {
        service: Vec<Spanned<Marked<RawService>>> = Vec::new();
        route: Vec<Spanned<Marked<RawRoute>>> = Vec::new();
    }
}

/// What a whole file is read as.
pub(super) trait Root: Section {
    /// Keys that stand in another file.
    const ELSEWHERE: &'static [&'static str];

    /// Checks the settings, of which `root` is the table.
    fn check_settings(&self, root: &DeTable<'_>, problems: &mut Vec<Problem>);

    /// Takes out the entries.
    fn take_part(&mut self) -> RawPart;
}

impl Root for RawPart {
    const ELSEWHERE: &'static [&'static str] = super::RawConfig::KEYS;

    fn check_settings(&self, _: &DeTable<'_>, _: &mut Vec<Problem>) {}

    fn take_part(&mut self) -> RawPart {
        std::mem::take(self)
    }
}

/// Reads a text whose positions begin at `start`. Its entries are added to `registry`.
///
/// `None` for one that is not TOML: then only its errors of syntax are reported, as what stands
/// after one may have been misread.
pub(super) fn read<R: Root>(
    file: &Arc<str>,
    text: &str,
    start: usize,
    registry: &mut Registry,
    problems: &mut Vec<Problem>,
) -> Option<R> {
    let pieces = cut(text);
    let before = registry.len();
    let (mut syntax, mut found) = (Vec::new(), Vec::new());

    let mut root = None;
    if let Some((mut table, span)) = parse(&pieces.rest, start, &mut syntax) {
        reject_foreign::<R>(&mut table, &mut found);
        reject_split(&table, &pieces.roots, &mut found);
        let mut read: R = section::read_table(&table, &span, &mut found);
        read.check_settings(&table, &mut found);
        registry.add(read.take_part(), start, &mut Lines::new(file, text, start));
        root = Some(read);
        problems.extend(found.drain(..).map(|problem| problem.moved(start)));
    }
    let mut lines = Lines::new(file, text, start);
    for piece in pieces.entries {
        let start = start + piece.start;
        let piece = text.get(piece).unwrap_or_default();
        if let Some((table, span)) = parse(piece, start, &mut syntax) {
            let read: RawPart = section::read_table(&table, &span, &mut found);
            registry.add(read, start, &mut lines);
            problems.extend(found.drain(..).map(|problem| problem.moved(start)));
        }
    }
    if syntax.is_empty() {
        return root;
    }
    registry.truncate(before);
    problems.retain(|problem| problem.span.start < start);
    problems.append(&mut syntax);
    None
}

/// The table of a text that begins at `start`; `None` if it is not TOML.
pub(super) fn parse<'t>(
    text: &'t str,
    start: usize,
    syntax: &mut Vec<Problem>,
) -> Option<(DeTable<'t>, Span)> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let span = root.span();
        return Some((root.into_inner(), span));
    }
    let mut problems: Vec<_> = errors.iter().map(Problem::syntax).collect();
    problems.sort_by_key(|problem| problem.span.start);
    // One for each line: a parser that goes on after an error stumbles over the rest of the line.
    problems.dedup_by(|next, last| {
        let between = text.get(last.span.start..next.span.start);
        between.is_some_and(|between| !between.contains('\n'))
    });
    syntax.extend(problems.into_iter().map(|problem| problem.moved(start)));
    None
}

/// Takes out keys that stand in another file, with an error that says so.
fn reject_foreign<R: Root>(root: &mut DeTable<'_>, problems: &mut Vec<Problem>) {
    let foreign = R::ELSEWHERE.iter().filter(|key| !R::KEYS.contains(key));
    for (key, _) in foreign.filter_map(|key| root.remove_entry(*key)) {
        let title = format!("`{}` belongs in the main file", key.get_ref());
        let label = "expected only [[service]] and [[route]] in an included file";
        problems.push(Problem::new(key.span(), title, label));
    }
}

/// Reports entries that are not where the others are.
fn reject_split(root: &DeTable<'_>, cut: &[&str], problems: &mut Vec<Problem>) {
    let keys = root.keys();
    let split = keys.filter(|key| cut.contains(&key.get_ref().as_ref()));
    problems.extend(split.map(|key| {
        let title = format!("`{}` is written in two ways", key.get_ref());
        let label = "expected it below its own header in double brackets, as the others";
        Problem::new(key.span(), title, label)
    }));
}
