//! Shows problems with the text that they are about.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet, Title};

use super::problem::{Problem, Span};
use super::sources::Sources;

/// Each problem below its title; in colour for a terminal.
pub(super) fn render<'a>(
    problems: impl Iterator<Item = (Title<'a>, &'a Problem)>,
    sources: &'a Sources,
    colour: bool,
) -> Vec<String> {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let groups = problems.map(|(title, problem)| group(title, problem, sources));
    groups.map(|group| renderer.render(&[group])).collect()
}

/// The file, the line from 1, and the column in characters from 1.
pub(super) fn place(problem: &Problem, sources: &Sources) -> (String, usize, usize) {
    let position = problem.span.start;
    let Some(line) = sources.line(position) else {
        return (String::new(), 1, 1);
    };
    let before = line.text(line.start, position);
    (
        line.source.name.to_string(),
        line.number,
        before.chars().count() + 1,
    )
}

fn group<'a>(title: Title<'a>, problem: &'a Problem, sources: &'a Sources) -> Group<'a> {
    let primary = snippet(
        &problem.span,
        AnnotationKind::Primary,
        &problem.label,
        sources,
    );
    let other = problem.other.as_ref();
    let other =
        other.and_then(|(span, label)| snippet(span, AnnotationKind::Context, label, sources));
    let group = title.elements(primary.into_iter().chain(other));
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// The line where `span` begins, with what of the span is on it marked.
fn snippet<'a>(
    span: &Span,
    kind: AnnotationKind,
    label: &'a str,
    sources: &'a Sources,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let line = sources.line(span.start)?;
    let marked = span.start - line.start..span.end.clamp(span.start, line.end) - line.start;
    let snippet = Snippet::source(line.text(line.start, line.end))
        .path(&*line.source.name)
        .line_start(line.number)
        .annotation(kind.span(marked).label(label));
    Some(snippet)
}
