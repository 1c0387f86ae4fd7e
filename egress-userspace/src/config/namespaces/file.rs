//! One namespace's file: from its text to services.

use std::sync::Arc;

use serde_spanned::Spanned;

use super::own::{RawOwn, RawOwnFile, on_terms};
use super::{refused, within};
use crate::config::problem::Problem;
use crate::config::registry::{Lines, Registry, Settings};
use crate::config::section::read_table;
use crate::config::text::{RawPart, parse};
use crate::config::value::Marked;
use crate::types::{Ceiling, Service};

/// Most services of one file.
const MAX_SERVICES: usize = 256;
/// Most ways to match the services of one file, each host with each address, port and `from`: some
/// hundreds of kilobytes when they are compiled, and some microseconds to look at if all are for one name.
const MAX_MATCHES: usize = 4_096;

/// A text, and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// The namespace that it speaks for.
    pub(super) namespace: Box<str>,
    /// The file, as messages and places call it.
    pub(super) name: Arc<str>,
    /// What it says.
    pub(super) content: Arc<str>,
}

/// What a text says.
#[derive(Debug, Default)]
pub(super) struct Evaluated {
    /// The services that are right, and within a ceiling. None if something else is wrong.
    pub(super) services: Vec<Service>,
    /// What is wrong.
    pub(super) wrong: Vec<Problem>,
    /// What is beyond the ceilings.
    pub(super) beyond: Vec<Problem>,
}

/// Reads a text. The positions of problems are the text's own.
pub(super) fn evaluate(text: &Text, ceilings: &[Ceiling], settings: &Settings) -> Evaluated {
    let mut wrong = Vec::new();
    let mut syntax = Vec::new();
    let Some((mut root, span)) = parse(&text.content, 0, &mut syntax) else {
        return Evaluated {
            wrong: syntax,
            ..Evaluated::default()
        };
    };
    refused::take_out(&mut root, &mut wrong);
    let file: RawOwnFile = read_table(&root, &span, &mut wrong);
    too_much(&file.service, &mut wrong);
    if wrong.is_empty() {
        let services = file.service.iter();
        wrong.extend(services.flat_map(|service| service.get_ref().value.unsaid()));
    }
    if !wrong.is_empty() {
        return Evaluated {
            wrong,
            ..Evaluated::default()
        };
    }
    let mut beyond = Vec::new();
    let mut part = RawPart::default();
    for entry in &file.service {
        let service = entry.get_ref().value.scoped(&text.namespace);
        match within::ceiling(&service, &text.namespace, &entry.span(), ceilings) {
            Ok(ceiling) => part.service.push(Spanned::new(
                entry.span(),
                Marked {
                    value: on_terms(service, ceiling),
                    whole: true,
                },
            )),
            Err(problem) => beyond.push(problem.about(service.title())),
        }
    }
    let mut registry = Registry::default();
    registry.add(part, 0, &mut Lines::new(&text.name, &text.content, 0));
    registry.check(settings, true, &mut wrong);
    let services = if wrong.is_empty() {
        registry.into_parts(settings).0
    } else {
        Vec::new()
    };
    Evaluated {
        services,
        wrong,
        beyond,
    }
}

/// Reports a file that would cost more than all files may.
fn too_much(services: &[Spanned<Marked<RawOwn>>], problems: &mut Vec<Problem>) {
    if let Some(one) = services.get(MAX_SERVICES) {
        let title = format!("more than {MAX_SERVICES} services in a namespace's file");
        problems.push(Problem::new(one.span(), title, "expected no more"));
    }
    let mut matches = 0_usize;
    let past = services.iter().find(|service| {
        matches = matches.saturating_add(service.get_ref().value.matches());
        matches > MAX_MATCHES
    });
    problems.extend(past.map(|one| {
        let title = format!(
            "more than {MAX_MATCHES} ways to match a namespace's services, each host with each address, \
             port and `from`"
        );
        Problem::new(one.span(), title, "expected no more up to here")
    }));
}
