//! Warnings, for people and for programs.

use std::fmt;

use annotate_snippets::Level;

use super::finding::Finding;
use super::{Code, locate};
use crate::config::problem::Problem;
use crate::config::show;
use crate::config::sources::Sources;

/// More warnings than this are only counted, as with errors.
const MAX_SHOWN: usize = 100;

/// All that there is to say of a configuration, file by file, in the order of the text.
#[derive(Debug)]
pub struct Warnings {
    sources: Sources,
    warnings: Vec<(Code, Problem)>,
}

/// One warning, without the text around it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// What it is about.
    pub code: Code,
    /// The file, as it was named or found by `include`.
    pub file: String,
    /// Line of the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            file,
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {message} [{code}]")
    }
}

impl Warnings {
    pub(super) fn new(findings: Vec<Finding>, sources: Sources) -> Self {
        let warnings = findings.into_iter().map(|finding| {
            let span = locate::span(&finding.at, &sources);
            let other = finding.other;
            let problem = Problem::new(span, finding.title, finding.label).help(finding.help);
            let problem = match other {
                Some((at, label)) => problem.other(locate::span(&at, &sources), label),
                None => problem,
            };
            (finding.code, problem)
        });
        let mut warnings: Vec<_> = warnings.collect();
        warnings.sort_by_key(|(code, problem)| (problem.span.start, *code));
        Self { sources, warnings }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty()
    }

    /// Leaves out what the operator means.
    #[must_use]
    pub fn without(mut self, accepted: &[Code]) -> Self {
        self.warnings.retain(|(code, _)| !accepted.contains(code));
        self
    }

    /// Each warning.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Warning> {
        self.warnings.iter().map(|(code, problem)| {
            let (file, line, column) = show::place(problem, &self.sources);
            Warning {
                code: *code,
                file,
                line,
                column,
                message: problem.message(),
                help: problem.help.clone(),
            }
        })
    }

    /// All warnings, each with the text it is about; in colour for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let shown = self.warnings.iter().take(MAX_SHOWN);
        let titled = shown.map(|(code, problem)| {
            let title = Level::WARNING.primary_title(problem.message());
            (title.id(code.as_str()), problem)
        });
        let mut out = show::render(titled, &self.sources, colour);
        if let Some(more) = self.warnings.len().checked_sub(MAX_SHOWN + 1) {
            out.push(format!("and {} more warnings", more + 1));
        }
        out.join("\n\n")
    }
}
