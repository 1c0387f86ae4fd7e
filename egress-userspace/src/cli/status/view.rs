//! The status in words, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::running::Running;
use crate::account::Timestamp;
use crate::answers;
use crate::cli::table::table;
use crate::kernel::{Attached, Owner, Pinned, Table, Target};

/// Exit codes: a script tells by them what is the case.
const EXIT_SERVED: u8 = 0;
const EXIT_INCOMPLETE: u8 = 1;
const EXIT_UNSERVED: u8 = 3;
const EXIT_DETACHED: u8 = 4;

/// The whole status.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Status<'a> {
    pub(super) state: State,
    pins: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<Gateway<'a>>,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<answers::Status>,
    programs: Vec<Program<'a>>,
    /// Programs that ought to be attached, and are not.
    lacking: &'a [&'static str],
    maps: Vec<Map<'a>>,
    counters: BTreeMap<&'static str, u64>,
}

/// What is the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The programs are attached, and a gateway runs.
    Served,
    /// Some programs are attached, others are not.
    Incomplete,
    /// The programs are attached, and no gateway runs.
    Unserved,
    /// Nothing is attached.
    Detached,
}

#[derive(Debug, Serialize)]
struct Gateway<'a> {
    version: &'a str,
    pid: u32,
    since: Timestamp,
    alive: bool,
}

#[derive(Debug, Serialize)]
struct Program<'a> {
    name: &'a str,
    id: u32,
    tag: Option<&'a str>,
    loaded: Option<Timestamp>,
    hook: &'a str,
    target: String,
    /// Whether it stays when the gateway ends.
    pinned: bool,
}

#[derive(Debug, Serialize)]
struct Map<'a> {
    name: &'a str,
    id: u32,
    /// `null`: it is not counted.
    entries: Option<usize>,
    room: u32,
    /// Bytes of kernel memory.
    memory: u64,
}

impl State {
    fn of(pinned: &Pinned) -> Self {
        let served = pinned.owner.as_ref().is_some_and(|owner| owner.alive);
        let attached = pinned
            .attached
            .iter()
            .any(|link| link.target != Target::Nothing);
        match (attached, pinned.lacking.is_empty()) {
            (false, _) => Self::Detached,
            (true, false) => Self::Incomplete,
            (true, true) if served => Self::Served,
            (true, true) => Self::Unserved,
        }
    }

    pub(super) fn exit(self) -> u8 {
        match self {
            Self::Served => EXIT_SERVED,
            Self::Incomplete => EXIT_INCOMPLETE,
            Self::Unserved => EXIT_UNSERVED,
            Self::Detached => EXIT_DETACHED,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Served => "attached, and a gateway runs",
            Self::Incomplete => {
                "INCOMPLETE: not all programs are attached, and what they would judge is not"
            }
            Self::Unserved => "attached, but NO GATEWAY RUNS: what it would judge is refused",
            Self::Detached => "not attached: nothing is governed",
        }
    }
}

impl<'a> Status<'a> {
    pub(in crate::cli) fn new(directory: &Path, pinned: &'a Pinned) -> Self {
        Self {
            state: State::of(pinned),
            pins: directory.display().to_string(),
            gateway: pinned.owner.as_ref().map(Gateway::new),
            running: None,
            programs: pinned.attached.iter().map(Program::new).collect(),
            lacking: if pinned.attached.is_empty() {
                &[]
            } else {
                &pinned.lacking
            },
            maps: pinned.tables.iter().map(Map::new).collect(),
            counters: pinned.counters.iter().copied().collect(),
        }
    }

    /// With what a gateway says of itself, if it is the one that has these pins.
    pub(super) fn with(self, running: Option<answers::Status>) -> Self {
        let pid = self.gateway.as_ref().map(|gateway| gateway.pid);
        Self {
            running: running.filter(|running| Some(running.pid) == pid),
            ..self
        }
    }

    /// The status for people.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.head()];
        if !self.programs.is_empty() {
            let rows: Vec<_> = self.programs.iter().map(Program::row).collect();
            parts.push(table(
                ["PROGRAM", "HOOK", "ID", "TAG", "LOADED", "ATTACHED TO"],
                &rows,
            ));
        }
        if !self.maps.is_empty() {
            let rows: Vec<_> = self.maps.iter().map(Map::row).collect();
            parts.push(table(["MAP", "ID", "ENTRIES", "ROOM", "MEMORY"], &rows));
        }
        if !self.counters.is_empty() {
            let rows: Vec<_> = self
                .counters
                .iter()
                .map(|(label, count)| [(*label).to_owned(), count.to_string()])
                .collect();
            parts.push(table(
                ["COUNTER", "SINCE THE PROGRAMS WERE FIRST LOADED"],
                &rows,
            ));
        }
        parts.join("\n")
    }

    fn head(&self) -> String {
        let mut head = format!("{} (pins: {})\n", self.state.says(), self.pins);
        // Writing to a string can't fail.
        if let Some(Gateway {
            version,
            pid,
            since,
            alive,
        }) = &self.gateway
        {
            let which = if *alive { "gateway" } else { "last gateway" };
            let _ = writeln!(
                head,
                "{which}: version {version}, process {pid}, since {since}"
            );
        }
        if let Some(running) = &self.running {
            let _ = write!(head, "{}", Running(running));
        }
        if !self.lacking.is_empty() {
            let _ = writeln!(head, "lacking: {}", self.lacking.join(", "));
        }
        head
    }
}

impl<'a> Gateway<'a> {
    fn new(owner: &'a Owner) -> Self {
        let Owner {
            version,
            pid,
            since,
            alive,
        } = owner;
        Self {
            version,
            pid: *pid,
            since: (*since).into(),
            alive: *alive,
        }
    }
}

impl<'a> Program<'a> {
    fn new(link: &'a Attached) -> Self {
        Self {
            name: &link.program,
            id: link.id,
            tag: link.tag.as_deref(),
            loaded: link.loaded_at.map(Timestamp::from),
            hook: &link.hook,
            pinned: link.pinned,
            target: match &link.target {
                Target::Cgroup(_, Some(path)) => format!("cgroup {path}"),
                Target::Cgroup(id, None) => format!("cgroup {}", id.0),
                Target::Interface(index) => format!("interface {index}"),
                Target::Nothing => "nothing any more".into(),
            },
        }
    }

    fn row(&self) -> [String; 6] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        [
            self.name.into(),
            self.hook.into(),
            self.id.to_string(),
            or_dash(self.tag.map(str::to_owned)),
            or_dash(self.loaded.map(|time| time.to_string())),
            if self.pinned {
                self.target.clone()
            } else {
                format!("{}, not pinned", self.target)
            },
        ]
    }
}

impl<'a> Map<'a> {
    fn new(table: &'a Table) -> Self {
        let Table {
            name,
            id,
            entries,
            room,
            memory,
        } = table;
        Self {
            name,
            id: *id,
            entries: *entries,
            room: *room,
            memory: *memory,
        }
    }

    fn row(&self) -> [String; 5] {
        [
            self.name.into(),
            self.id.to_string(),
            self.entries
                .map_or_else(|| "-".into(), |entries| entries.to_string()),
            if self.room == 0 {
                "-".into()
            } else {
                self.room.to_string()
            },
            format!("{} KiB", self.memory.div_ceil(1024)),
        ]
    }
}

#[cfg(test)]
mod tests;
