//! What is said of a replay, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::cli::logs;
use crate::cli::table::table;
use crate::history::{Change, Complaint, Kind, Opinion, Replay, Subject, Tally};
use crate::types::plain;

/// Groups of changes that are shown: those of the most connections, and more than anyone reads.
const MAX_SHOWN: usize = 100;

/// For programs.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    connections: u64,
    same: u64,
    now_denied: u64,
    now_allowed: u64,
    moved: u64,
    not_judged: BTreeMap<&'static str, u64>,
    malformed: u64,
    first_malformed: &'a [Complaint],
    changes: Vec<Row<'a>>,
    /// Connections that change, and are in none of the above.
    not_shown: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    count: u64,
    change: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<&'a str>,
    was: &'a Opinion,
    would_be: &'a Opinion,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

impl<'a> Report<'a> {
    pub(super) fn new(replay: &'a Replay, tally: &'a Tally) -> Self {
        let (shown, not_shown) = shown(replay);
        Self {
            connections: replay.seen,
            same: replay.same,
            now_denied: replay.count(Kind::NowDenied),
            now_allowed: replay.count(Kind::NowAllowed),
            moved: replay.count(Kind::Moved),
            not_judged: replay
                .unjudged
                .iter()
                .map(|(why, count)| (why.label(), *count))
                .collect(),
            malformed: tally.malformed,
            first_malformed: &tally.first,
            changes: shown
                .into_iter()
                .map(|(change, count)| Row::new(change, count))
                .collect(),
            not_shown,
        }
    }
}

impl<'a> Row<'a> {
    fn new(change: &'a Change, count: u64) -> Self {
        let (name, address) = match &change.subject {
            Subject::Name(name) => (Some(name.as_str()), None),
            Subject::Address(ip) => (None, Some(ip.to_string())),
            Subject::Unknown => (None, None),
        };
        Self {
            count,
            change: change.kind,
            name,
            address,
            port: change.port,
            protocol: change.protocol,
            exe: change.exe.as_deref(),
            cgroup: change.cgroup.as_deref(),
            was: &change.was,
            would_be: &change.would_be,
            rule: change.rule.as_deref(),
        }
    }
}

/// For people.
pub(super) fn text(replay: &Replay, tally: &Tally, out: &mut impl Write) -> io::Result<()> {
    let (shown, not_shown) = shown(replay);
    if !shown.is_empty() {
        let rows: Vec<_> = shown
            .into_iter()
            .map(|(change, count)| row(change, count))
            .collect();
        let heading = [
            "COUNT",
            "CHANGE",
            "DESTINATION",
            "CALLER",
            "WAS",
            "WOULD BE",
            "RULE",
        ];
        writeln!(out, "{}", table(heading, &rows))?;
    }
    if not_shown > 0 {
        writeln!(out, "and {not_shown} more connections that change")?;
    }
    let unjudged: u64 = replay.unjudged.values().sum();
    writeln!(
        out,
        "{} connections and lookups: {} the same, {} now denied, {} now allowed, {} moved, {} not judged",
        replay.seen,
        replay.same,
        replay.count(Kind::NowDenied),
        replay.count(Kind::NowAllowed),
        replay.count(Kind::Moved),
        unjudged,
    )?;
    for (why, count) in &replay.unjudged {
        writeln!(out, "not judged: {count}: {}", why.sentence())?;
    }
    logs::complain(tally, out)
}

/// The changes that are shown, and how many connections change in others.
fn shown(replay: &Replay) -> (Vec<(&Change, u64)>, u64) {
    let mut groups = replay.groups.sorted();
    let rest = groups.split_off(groups.len().min(MAX_SHOWN));
    let not_shown: u64 = rest.iter().map(|(_, count)| count).sum();
    (groups, not_shown + replay.groups.uncounted())
}

fn row(change: &Change, count: u64) -> [String; 7] {
    let protocol = change
        .protocol
        .map(|protocol| format!(" {protocol}"))
        .unwrap_or_default();
    let caller = match (change.exe.as_deref(), change.cgroup.as_deref()) {
        (Some(exe), Some(cgroup)) => format!("{exe} in {cgroup}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "-".into(),
    };
    [
        count.to_string(),
        change.kind.label().into(),
        format!("{}:{}{protocol}", change.subject, change.port),
        plain(&caller),
        opinion(&change.was),
        opinion(&change.would_be),
        plain(change.rule.as_deref().unwrap_or("-")),
    ]
}

fn opinion(opinion: &Opinion) -> String {
    let mut text = match opinion.reason {
        Some(reason) => format!("{}: {reason}", opinion.verdict),
        None => opinion.verdict.to_owned(),
    };
    for (before, what) in [(", ", &opinion.service), (" by route ", &opinion.route)] {
        if let Some(what) = what {
            text.push_str(before);
            text.push_str(&plain(what));
        }
    }
    text
}
