//! Things that may stand in a file only once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Display;
use std::hash::Hash;

use foldhash::fast::RandomState;

use super::problem::{Problem, Span};

/// A problem for each of `items` that an earlier one equals.
pub(super) fn repeated<T: Display + Eq + Hash>(
    what: &str,
    items: impl Iterator<Item = (Span, T)>,
) -> Vec<Problem> {
    let mut items = items.peekable();
    let mut problems = Vec::new();
    let Some((place, item)) = items.next() else {
        return problems;
    };
    if items.peek().is_none() {
        return problems;
    }
    let most = items.size_hint().1.unwrap_or_default() + 1;
    let mut first: HashMap<T, Span, RandomState> =
        HashMap::with_capacity_and_hasher(most, RandomState::default());
    first.insert(item, place);
    for (span, item) in items {
        match first.entry(item) {
            Entry::Vacant(entry) => {
                entry.insert(span);
            }
            Entry::Occupied(entry) => {
                let title = format!("the {what} `{}` is listed twice", entry.key());
                let problem = Problem::new(span, title, "expected it once");
                problems.push(problem.other(entry.get().clone(), "first listed here"));
            }
        }
    }
    problems
}
