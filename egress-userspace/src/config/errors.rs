//! Everything that is wrong with a text, for people and for programs.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::problem::{Problem, Span};

/// More errors than this are only counted: the first ones are what there is to mend.
const MAX_SHOWN: usize = 100;

/// Everything that is wrong with a configuration, in the order of the text.
#[derive(Debug)]
pub struct ConfigErrors {
    file_name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    problems: Vec<Problem>,
}

/// One error, without the text around it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConfigError {
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
    pub(super) fn new(file_name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.start);
        let lines = line_starts(text);
        Self {
            file_name: file_name.into(),
            text: text.into(),
            lines,
            problems,
        }
    }

    /// Leaves one error for each line: a parser that goes on after an error stumbles over the rest
    /// of the line.
    pub(super) fn first_of_each_line(mut self) -> Self {
        let lines = &self.lines;
        let line = |p: &Problem| lines.partition_point(|start| *start <= p.span.start);
        self.problems.dedup_by_key(|problem| line(problem));
        self
    }

    /// Each error.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ConfigError> {
        self.problems.iter().map(|problem| {
            let line = self.line(problem.span.start);
            let before = self
                .text
                .get(line.start..problem.span.start)
                .unwrap_or_default();
            ConfigError {
                line: line.number,
                column: before.chars().count() + 1,
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
        let mut group = Level::ERROR
            .primary_title(problem.message())
            .element(self.snippet(&problem.span, AnnotationKind::Primary, &problem.label));
        if let Some((span, label)) = &problem.other {
            group = group.element(self.snippet(span, AnnotationKind::Context, label));
        }
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
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let line = self.line(span.start);
        let source = self.text.get(line.start..line.end).unwrap_or_default();
        let marked = span.start - line.start..span.end.clamp(span.start, line.end) - line.start;
        Snippet::source(source)
            .path(&self.file_name)
            .line_start(line.number)
            .annotation(kind.span(marked).label(label))
    }

    fn line(&self, position: usize) -> Line {
        let number = self.lines.partition_point(|start| *start <= position);
        let start = number
            .checked_sub(1)
            .and_then(|n| self.lines.get(n))
            .copied()
            .unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let end = start + rest.find('\n').unwrap_or(rest.len());
        // A position may be the line's own end.
        Line {
            number: number.max(1),
            start,
            end: end.max(position),
        }
    }
}

struct Line {
    /// From 1.
    number: usize,
    start: usize,
    end: usize,
}

/// Where each line of `text` begins.
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(end, _)| end + 1))
        .collect()
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}
