//! All checks together, as a table.

use std::fmt::{self, Write};

use serde::Serialize;

use super::check::{Check, State};

/// What was found out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether all is there that the gateway needs.
    pub fit: bool,
    /// The checks, by theme.
    pub themes: Vec<Theme>,
}

/// Checks that belong together.
#[derive(Clone, Debug, Serialize)]
pub struct Theme {
    /// What they are about.
    pub name: &'static str,
    /// Each.
    pub checks: Vec<Check>,
}

/// What is lacking without which the gateway can't run.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Unfit(pub(super) Vec<Check>);

/// Width of the column of names: the longest has 19 letters.
const NAME: usize = 20;
/// Width of the column of states: that of the longest, and a gap.
const STATE: usize = 10;

impl Report {
    pub(super) fn new(themes: Vec<(&'static str, Vec<Check>)>) -> Self {
        let themes: Vec<_> = themes
            .into_iter()
            .map(|(name, checks)| Theme { name, checks })
            .collect();
        let mut all = themes.iter().flat_map(|theme| &theme.checks);
        Self {
            fit: all.all(|check| check.state != State::Missing),
            themes,
        }
    }

    /// How many checks are in a state.
    fn count(&self, state: State) -> usize {
        let all = self.themes.iter().flat_map(|theme| &theme.checks);
        all.filter(|check| check.state == state).count()
    }

    /// The table for people, in colour if `colour`. Of what is there the finding is shown, of what
    /// is not also what that means and what to do.
    pub fn table(&self, colour: bool) -> String {
        let mut out = String::new();
        for theme in &self.themes {
            // Writing to a string can't fail.
            let _ = writeln!(out, "{}", theme.name);
            for check in &theme.checks {
                let _ = row(&mut out, check, colour);
            }
        }
        let [ok, degraded, missing] =
            [State::Ok, State::Degraded, State::Missing].map(|state| self.count(state));
        let verdict = if self.fit {
            "all that the gateway needs is here"
        } else {
            "something that the gateway needs is missing"
        };
        let _ = writeln!(
            out,
            "\n{ok} ok, {degraded} degraded, {missing} missing: {verdict}"
        );
        out
    }
}

fn row(out: &mut String, check: &Check, colour: bool) -> fmt::Result {
    let state = format!("{:STATE$}", check.state.label());
    let state = if colour {
        painted(&state, check.state)
    } else {
        state
    };
    writeln!(out, "  {state}{:NAME$} {}", check.name, check.found)?;
    if check.state == State::Ok {
        return Ok(());
    }
    let indent = " ".repeat(STATE + 2);
    writeln!(out, "{indent}{}", check.meaning)?;
    check
        .fix
        .map_or(Ok(()), |fix| writeln!(out, "{indent}→ {fix}"))
}

fn painted(text: &str, state: State) -> String {
    let code = match state {
        State::Ok => 32,
        State::Degraded => 33,
        State::Missing => 31,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// What is lacking, each with its meaning and what to do.
fn lines(lacking: &[Check]) -> String {
    let each = lacking.iter().map(|check| {
        let fix = check.fix.unwrap_or_default();
        format!("{} ({}): {}; {fix}", check.name, check.found, check.meaning)
    });
    each.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::check::Subject;
    use super::*;

    const NEEDED: Subject = Subject {
        name: "needed",
        needed: true,
        with: "all is well",
        without: "nothing works",
        fix: "get it",
    };
    const NICE: Subject = Subject {
        name: "nice",
        needed: false,
        ..NEEDED
    };

    #[test]
    fn only_what_is_needed_makes_a_node_unfit() {
        let report = |check| Report::new(vec![("theme", vec![check])]);
        assert!(report(NEEDED.there("here")).fit);
        assert!(report(NICE.lacking("gone")).fit);
        assert!(!report(NEEDED.lacking("gone")).fit);
    }

    #[test]
    fn the_table_says_what_to_do_about_what_is_not_there() {
        let checks = vec![NEEDED.there("here"), NICE.lacking("gone")];
        let report = Report::new(vec![("theme", checks)]);
        let expected = "\
theme
  ok        needed               here
  degraded  nice                 gone
            nothing works
            → get it

1 ok, 1 degraded, 0 missing: all that the gateway needs is here
";
        assert_eq!(report.table(false), expected);
        assert!(report.table(true).contains("\x1b[33mdegraded  \x1b[0mnice"));
    }

    #[test]
    fn a_refusal_says_what_is_lacking_and_what_to_do() {
        let unfit = Unfit(vec![NEEDED.lacking("gone")]);
        assert_eq!(unfit.to_string(), "needed (gone): nothing works; get it");
    }

    #[test]
    fn programs_read_states_and_fixes() {
        let check = serde_json::to_value(NEEDED.lacking("gone")).expect("JSON");
        assert_eq!(check.pointer("/state"), Some(&"missing".into()));
        assert_eq!(check.pointer("/fix"), Some(&"get it".into()));
        let check = serde_json::to_value(NEEDED.there("here")).expect("JSON");
        assert_eq!(check.pointer("/fix"), None);
    }
}
