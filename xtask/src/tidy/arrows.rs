//! The order of the gateway's modules: each may use only those of a lower level, so there is no cycle.

use super::Finding;
use super::code::{Token, starts_with};
use super::files::File;

/// From the words that everyone speaks up to the program. Modules of one level do not use each other.
const LEVELS: &[&[&str]] = &[
    &["types"],
    &["sniff", "policy", "net", "config", "pods"],
    &["kernel", "dial", "account", "cluster"],
    &["relay", "dns"],
    &["http"],
    &["conn"],
    &["drain", "logging", "reload", "settings"],
    &["answers", "doctor", "history"],
    &["learn"],
    &["admin", "cli"],
    &["app"],
    &["lib", "main"],
];

/// Every path from one top-level module into another follows [`LEVELS`]. Tests are free: what they
/// use does not ship.
pub(super) fn modules(file: &File) -> Vec<Finding> {
    let Some(path) = file.within("egress-userspace") else {
        return Vec::new();
    };
    let home = Home::of(path);
    let Some(own) = level(home.top()) else {
        let message = format!(
            "module `{}` has no level: give it one in {}",
            home.top(),
            file!()
        );
        return vec![Finding::new(file, 1, message)];
    };
    let mut findings = Vec::new();
    for reference in references(file, &home) {
        let name = &reference.text;
        if name == home.top() || level(name).is_some_and(|level| level < own) {
            continue;
        }
        // A name without a level is an item of the crate's root, which no module may lean on.
        let message = format!(
            "`{}` may not use `{name}`: it is not on a lower level",
            home.top()
        );
        findings.push(Finding::new(file, reference.line, message));
    }
    findings
}

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&module))
}

/// The module that a file is.
struct Home<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Home<'a> {
    fn of(path: &'a str) -> Self {
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        Self {
            parts: path.split('/').collect(),
        }
    }

    fn top(&self) -> &'a str {
        self.parts.first().copied().unwrap_or_default()
    }

    /// How far below the crate's root its contents are.
    fn depth(&self) -> usize {
        if ["lib", "main"].contains(&self.top()) {
            0
        } else {
            self.parts.len()
        }
    }
}

/// The top-level names that a file's paths lead to, with their places.
fn references<'a>(file: &'a File, home: &Home<'_>) -> Vec<&'a Token> {
    let mut found = Vec::new();
    for i in 0..file.tokens.len() {
        let (before, tail) = file.tokens.split_at(i);
        // The middle of a path was seen at its beginning.
        let begins = before.last().is_none_or(|token| token.text != "::");
        if begins && tail.first().is_some_and(|token| !token.in_test) {
            found.extend(
                after_root(tail, home.depth())
                    .into_iter()
                    .flat_map(first_names),
            );
        }
    }
    found
}

/// What follows a path's way up to the crate's root; `None` for a path that does not go there.
fn after_root(tokens: &[Token], depth: usize) -> Option<&[Token]> {
    if starts_with(tokens, &["crate", "::"]) {
        return tokens.get(2..);
    }
    let depth = depth + tokens.first()?.depth;
    let mut rest = tokens;
    let mut ups = 0;
    while starts_with(rest, &["super", "::"]) {
        ups += 1;
        rest = rest.get(2..)?;
    }
    (ups > 0 && ups == depth).then_some(rest)
}

/// The name a path goes on with, or each of those in its braces.
fn first_names(tokens: &[Token]) -> Vec<&Token> {
    if !starts_with(tokens, &["{"]) {
        return tokens.first().into_iter().collect();
    }
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut fresh = false;
    for token in tokens {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                fresh = depth == 1;
            }
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," => fresh = depth == 1,
            _ if fresh => {
                names.push(token);
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_lines(path: &str, text: &str, lines: &[usize]) {
        let found = modules(&File::new(&format!("egress-userspace/src/{path}"), text));
        assert_eq!(
            found.iter().map(|f| f.line).collect::<Vec<_>>(),
            lines,
            "{path}: {text}"
        );
    }

    #[test]
    fn using_a_higher_level_or_the_same_one_is_found() {
        assert_lines("policy/mod.rs", "\nuse crate::conn::serve;", &[2]);
        assert_lines("policy/mod.rs", "use crate::config::Config;", &[1]);
        assert_lines("types/addr.rs", "fn f(_: crate::net::Listener) {}", &[1]);
        assert_lines("relay/copy.rs", "pub(in crate::app) fn f() {}", &[1]);
    }

    #[test]
    fn using_a_lower_level_or_oneself_is_fine() {
        assert_lines(
            "conn/mod.rs",
            "use crate::types::X;\nuse crate::relay::Y;\nuse crate::conn::z;",
            &[],
        );
        assert_lines("main.rs", "use crate::app::run;", &[]);
        assert_lines(
            "policy/mod.rs",
            "pub(crate) fn f() {} // crate::app::x\n",
            &[],
        );
    }

    #[test]
    fn each_name_in_braces_is_looked_at() {
        assert_lines(
            "dial/mod.rs",
            "use crate::{types::{A, b::C},\n relay::D,\n policy};",
            &[2],
        );
    }

    #[test]
    fn super_is_followed_to_the_root_and_no_further() {
        assert_lines("policy/mod.rs", "use super::app::X;", &[1]);
        assert_lines("policy/rules.rs", "use super::app::X;", &[]);
        assert_lines("policy/rules.rs", "use super::super::app::X;", &[1]);
        assert_lines(
            "policy/mod.rs",
            "mod inner { use super::app::X;\n use super::super::app::Y; }",
            &[2],
        );
    }

    #[test]
    fn an_item_of_the_root_is_found() {
        assert_lines("types/mod.rs", "use crate::VERSION;", &[1]);
    }

    #[test]
    fn tests_are_free() {
        assert_lines(
            "policy/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::config::X; }",
            &[],
        );
        assert_lines("policy/tests.rs", "use crate::config::X;", &[]);
    }

    #[test]
    fn a_module_without_a_level_is_found() {
        assert_lines("misc.rs", "", &[1]);
    }
}
