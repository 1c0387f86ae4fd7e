//! What a proposal goes by.

use std::collections::BTreeSet;

use crate::account::Timestamp;
use crate::history::Seen;
use crate::types::plain;

/// Callers that are named of one destination: enough to see what kind it is.
const MAX_CALLERS: usize = 5;

/// Most bytes of a caller: paths may be long, and all of them are kept.
const MAX_CALLER: usize = 256;

/// What was seen of one destination.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Evidence {
    /// Connections, or refused datagrams.
    pub count: u64,
    /// When the log first has it.
    pub first: Timestamp,
    /// And when last.
    pub last: Timestamp,
    /// Bytes from the client.
    pub bytes_out: u64,
    /// Bytes to the client.
    pub bytes_in: u64,
    /// Whose they were: executable and cgroup, in plain text.
    pub callers: BTreeSet<String>,
    /// Whether there were more callers.
    pub more_callers: bool,
    /// Whether some went past the gateway, which saw no byte of them.
    pub uncounted: bool,
}

impl Evidence {
    /// Of one line.
    pub(super) fn of(seen: &Seen) -> Self {
        Self {
            count: 1,
            first: seen.time,
            last: seen.time,
            bytes_out: seen.bytes_received,
            bytes_in: seen.bytes_sent,
            callers: BTreeSet::from([caller(seen)]),
            more_callers: false,
            uncounted: seen.by_kernel,
        }
    }

    /// With more of the same destination.
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.more_callers |= other.more_callers;
        self.uncounted |= other.uncounted;
        for caller in &other.callers {
            if self.callers.len() < MAX_CALLERS || self.callers.contains(caller) {
                self.callers.insert(caller.clone());
            } else {
                self.more_callers = true;
            }
        }
    }

    /// In one line, for a comment.
    pub(super) fn line(&self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        let times = if self.first == self.last {
            self.first.to_string()
        } else {
            format!("{} to {}", self.first, self.last)
        };
        let bytes = match (self.bytes_out, self.bytes_in, self.uncounted) {
            (0, 0, true) => "bytes not seen".into(),
            (out, back, _) => format!("{out} B out, {back} B in"),
        };
        let callers: Vec<_> = self.callers.iter().map(String::as_str).collect();
        let more = if self.more_callers {
            ", and others"
        } else {
            ""
        };
        format!(
            "{} connection{plural}, {times}; {bytes}; {}{more}",
            self.count,
            callers.join(", ")
        )
    }
}

fn caller(seen: &Seen) -> String {
    let exe = seen
        .caller
        .exe
        .as_deref()
        .map(|exe| plain(&exe.to_string_lossy()));
    let cgroup = seen.caller.cgroup_path.as_deref().map(plain);
    let caller = match (exe, cgroup) {
        (Some(exe), Some(cgroup)) => format!("{exe} in {cgroup}"),
        (Some(exe), None) => exe,
        (None, Some(cgroup)) => format!("a process in {cgroup}"),
        (None, None) => "caller not known".into(),
    };
    let end = caller.floor_char_boundary(MAX_CALLER);
    match caller.get(..end) {
        Some(short) if end < caller.len() => format!("{short}..."),
        _ => caller,
    }
}
