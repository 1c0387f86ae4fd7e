//! Things that may stand in a file only once.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use super::problem::{Problem, Span};

/// A problem for each of `items` that an earlier one equals.
pub(super) fn repeated<T: Display + Eq + Hash>(
    what: &str,
    items: impl Iterator<Item = (Span, T)>,
) -> Vec<Problem> {
    let mut first: HashMap<T, Span> = HashMap::new();
    let mut problems = Vec::new();
    for (span, item) in items {
        if let Some(earlier) = first.get(&item) {
            let title = format!("the {what} `{item}` is listed twice");
            let problem = Problem::new(span, title, "expected it once");
            problems.push(problem.other(earlier.clone(), "first listed here"));
        } else {
            first.insert(item, span);
        }
    }
    problems
}
