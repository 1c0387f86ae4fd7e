//! Everything that is wrong with a text, for people and for programs.

use std::fmt;
use std::path::PathBuf;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::load::Loader;
use super::problem::{Problem, Span};
use super::sources::Sources;

/// More errors than this are only counted: the first ones are what there is to mend.
const MAX_SHOWN: usize = 100;

/// Everything that is wrong with a configuration, file by file, in the order of the text.
#[derive(Debug)]
pub struct ConfigErrors {
    sources: Sources,
    problems: Vec<Problem>,
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

/// One error, without the text around it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConfigError {
    /// The file, as it was named or found by `include`.
    pub file: String,
    /// Line of the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub help: Option<String>,
}

impl ConfigErrors {
    pub(super) fn new(loader: Loader) -> Self {
        let mut problems = loader.problems;
        problems.sort_by_key(|problem| problem.span.start);
        Self {
            sources: loader.sources,
            problems,
            files: loader.files,
            directories: loader.directories,
        }
    }

    /// The files that were read or looked for: what is wrong may be mended in any of them.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The directories in which `include` looked for files.
    pub fn include_dirs(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Each error.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ConfigError> {
        self.problems.iter().map(|problem| {
            let position = problem.span.start;
            let line = self.sources.line(position);
            let before = line.map(|line| line.text(line.start, position));
            ConfigError {
                file: line
                    .map(|line| line.source.name.to_string())
                    .unwrap_or_default(),
                line: line.map_or(1, |line| line.number),
                column: before.map_or(0, |before| before.chars().count()) + 1,
                message: problem.message(),
                expected: problem.label.clone(),
                help: problem.help.clone(),
            }
        })
    }

    /// All errors, each with the text it is about; in colour for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let shown = self.problems.iter().take(MAX_SHOWN);
        let mut out: Vec<_> = shown.map(|p| renderer.render(&[self.group(p)])).collect();
        if let Some(more) = self.problems.len().checked_sub(MAX_SHOWN + 1) {
            out.push(format!("and {} more errors", more + 1));
        }
        out.join("\n\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let primary = self.snippet(&problem.span, AnnotationKind::Primary, &problem.label);
        let other = problem.other.as_ref();
        let other =
            other.and_then(|(span, label)| self.snippet(span, AnnotationKind::Context, label));
        let mut group = Level::ERROR
            .primary_title(problem.message())
            .elements(primary.into_iter().chain(other));
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        group
    }

    /// The line where `span` begins, with what of the span is on it marked.
    fn snippet<'a>(
        &'a self,
        span: &Span,
        kind: AnnotationKind,
        label: &'a str,
    ) -> Option<Snippet<'a, Annotation<'a>>> {
        let line = self.sources.line(span.start)?;
        let marked = span.start - line.start..span.end.clamp(span.start, line.end) - line.start;
        let snippet = Snippet::source(line.text(line.start, line.end))
            .path(&*line.source.name)
            .line_start(line.number)
            .annotation(kind.span(marked).label(label));
        Some(snippet)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}
