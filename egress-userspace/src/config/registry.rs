//! The entries of all files of one policy, and what must be right between them.

use std::sync::Arc;

use serde_spanned::Spanned;

use super::problem::{Problem, Span, moved};
use super::route::{self, RawRoute};
use super::service::{self, Common, RawService};
use super::text::RawPart;
use super::value::Marked;
use super::words::DnsForwarder;
use crate::types::{OnRevoke, Place, Route, Service};

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Registry {
    services: Vec<Entry<RawService>>,
    routes: Vec<Entry<RawRoute>>,
}

/// An entry, and where it is.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// Where the piece begins that its spans are of.
    start: usize,
    place: Place,
    raw: Marked<T>,
}

/// What the settings say to services.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) listen_port: u16,
    pub(super) forwarder: DnsForwarder,
    pub(super) on_revoke: OnRevoke,
}

impl Registry {
    /// Adds the entries of a piece that begins at `start`.
    pub(super) fn add(&mut self, part: RawPart, start: usize, lines: &mut Lines<'_>) {
        let services = part.service.into_iter();
        let routes = part.route.into_iter();
        self.services
            .extend(services.map(|entry| Entry::new(entry, start, lines)));
        self.routes
            .extend(routes.map(|entry| Entry::new(entry, start, lines)));
    }

    /// How many services and routes there are.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.services.len(), self.routes.len())
    }

    /// Forgets all but the first services and routes.
    pub(super) fn truncate(&mut self, (services, routes): (usize, usize)) {
        self.services.truncate(services);
        self.routes.truncate(routes);
    }

    /// Checks what must be right between entries; `is_whole` says that no file's are missing.
    pub(super) fn check(&self, settings: &Settings, is_whole: bool, problems: &mut Vec<Problem>) {
        service::check(&self.services, settings, problems);
        route::check(&self.routes, &self.services, is_whole, problems);
    }

    /// What the entries say, if they are right.
    pub(super) fn into_parts(self, settings: &Settings) -> (Vec<Service>, Vec<Route>) {
        let mut common = Common::new(settings.on_revoke);
        let services = self.services.into_iter();
        let services = services.filter_map(|s| s.raw.value.into_service(s.place, &mut common));
        let routes = self.routes.into_iter();
        let routes = routes.filter_map(|r| r.raw.value.into_route(r.place));
        (services.collect(), routes.collect())
    }
}

impl<T> Entry<T> {
    fn new(entry: Spanned<Marked<T>>, start: usize, lines: &mut Lines<'_>) -> Self {
        Self {
            start,
            place: lines.place(start + entry.span().start),
            raw: entry.into_inner(),
        }
    }

    pub(super) fn get(&self) -> &T {
        &self.raw.value
    }

    /// Where the piece begins that its spans are of.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Whether nothing in it was wrong.
    pub(super) fn is_whole(&self) -> bool {
        self.raw.whole
    }

    /// Where something of it is, among all sources.
    pub(super) fn moved(&self, span: &Span) -> Span {
        moved(span, self.start)
    }
}

/// Counts the lines of a text whose positions begin at `start`.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    start: usize,
    /// How far it is counted.
    counted: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(file: &'t Arc<str>, text: &'t str, start: usize) -> Self {
        Self {
            file,
            text,
            start,
            counted: 0,
            line: 1,
        }
    }

    /// The place of a position.
    fn place(&mut self, position: usize) -> Place {
        let offset = position.saturating_sub(self.start);
        let newlines = |from: usize, to: usize| {
            let passed = self.text.get(from..to).unwrap_or_default();
            passed.bytes().filter(|byte| *byte == b'\n').count()
        };
        // Routes of a piece are asked for after its services, and may be before them.
        self.line = match offset.checked_sub(self.counted) {
            Some(_) => self.line + newlines(self.counted, offset),
            None => self.line - newlines(offset, self.counted),
        };
        self.counted = offset;
        Place {
            file: Arc::clone(self.file),
            line: u32::try_from(self.line).unwrap_or(u32::MAX),
        }
    }
}
