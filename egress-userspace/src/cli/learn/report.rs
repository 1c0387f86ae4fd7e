//! What is said of a lesson, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::Learned;
use crate::cli::logs;
use crate::config::Warning;
use crate::history::Complaint;
use crate::learn::{Left, LeftOut, Proposed};

/// For programs.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    lines: u64,
    malformed: u64,
    first_malformed: &'a [Complaint],
    /// Lines that need no new service.
    covered: u64,
    /// Lines of what was denied, which were not looked at.
    denied: u64,
    services: &'a [Proposed],
    left_out: Vec<Reason<'a>>,
    /// What `egress check` would warn of.
    warnings: Vec<Warning>,
    toml: &'a str,
}

#[derive(Serialize)]
struct Reason<'a> {
    why: &'static str,
    meaning: &'static str,
    count: u64,
    examples: Vec<&'a str>,
}

impl<'a> Report<'a> {
    pub(super) fn new(learned: &'a Learned) -> Self {
        let Learned {
            lesson,
            tally,
            text,
            warnings,
        } = learned;
        let reason = |(why, left): (&LeftOut, &'a Left)| Reason {
            why: why.label(),
            meaning: why.sentence(),
            count: left.count,
            examples: left.examples.iter().map(String::as_str).collect(),
        };
        Self {
            lines: tally.lines,
            malformed: tally.malformed,
            first_malformed: &tally.first,
            covered: lesson.covered,
            denied: lesson.denied,
            services: &lesson.services,
            left_out: lesson.left_out.iter().map(reason).collect(),
            warnings: warnings.iter().collect(),
            toml: text,
        }
    }
}

/// For people.
pub(super) fn summary(learned: &Learned, out: &mut impl Write) -> io::Result<()> {
    let Learned {
        lesson,
        tally,
        warnings,
        ..
    } = learned;
    let names = |service: &Proposed| service.hosts.len() + service.addresses.len();
    writeln!(
        out,
        "{} lines: {} connections need {} new services with {} names and addresses; {} connections and lookups need none; {} were denied and not looked at",
        tally.lines,
        lesson.connections(),
        lesson.services.len(),
        lesson.services.iter().map(names).sum::<usize>(),
        lesson.covered,
        lesson.denied,
    )?;
    for (why, left) in &lesson.left_out {
        let examples: Vec<_> = left.examples.iter().map(String::as_str).collect();
        write!(out, "left out: {}: {}", left.count, why.sentence())?;
        if examples.is_empty() {
            writeln!(out)?;
        } else {
            writeln!(out, ": {}", examples.join(", "))?;
        }
    }
    for warning in warnings.iter() {
        writeln!(out, "egress check would warn: {}", warning.message)?;
    }
    logs::complain(tally, out)
}
