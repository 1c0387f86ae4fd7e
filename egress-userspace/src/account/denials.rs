//! Who was denied what, counted: a table of bounded size that keeps what comes often.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::access_log::{Line, Timestamp};
use crate::types::{DenyReason, Place};

/// Rows. A registry that lacks more than this many at once is not mended row by row; with names and paths of
/// the greatest length they take two megabytes.
const MOST: usize = 1_024;
/// Bytes of a cgroup's or an executable's path that are kept: `PATH_MAX` is 4,096, and what people call things
/// has some dozens.
const LONGEST_PATH: usize = 512;

/// The table.
///
/// When it is full, what comes anew takes the row of least weight, of those the one that has not come for longest, and
/// its weight with it (the *Space-Saving* algorithm: Metwally, Agrawal and El Abbadi, 2005): whatever is more than
/// one in `MOST` of all that is denied has a row, however many others come, and however often.
#[derive(Debug, Default)]
pub struct Denials(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// Names in it are clients' own: its hashes can't be foreseen.
    by_what: HashMap<Arc<Denied>, Row, RandomState>,
    total: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Row {
    times: Times,
    /// Its count, and the weight of the row that it took.
    weight: u64,
}

/// What was denied, to whom, and why: what the access log says of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Denied {
    /// The name that was asked for, or that the caller was told for the address; it may hold anything.
    pub name: Option<Box<str>>,
    /// Where the client wanted to go; of a lookup the server that was asked.
    pub address: Option<SocketAddr>,
    /// What was spoken.
    pub protocol: Option<&'static str>,
    /// `deny`, or `audit`: it was let through.
    pub verdict: &'static str,
    /// Why.
    pub reason: DenyReason,
    /// The service that denies it, or comes nearest.
    pub service: Option<Box<str>>,
    /// Where that service is written.
    pub rule: Option<Place>,
    /// The caller's cgroup, as a path below the cgroup v2 mount, or as its number.
    pub cgroup: Option<Box<str>>,
    /// The caller's executable.
    pub exe: Option<Box<str>>,
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How many times, since the row began.
    pub count: u64,
    /// The first of them.
    pub(crate) first: Timestamp,
    /// The last of them.
    pub(crate) last: Timestamp,
}

/// The table at one moment.
#[derive(Clone, Debug)]
pub struct Top {
    /// What came most often, first.
    pub rows: Vec<(Arc<Denied>, Times)>,
    /// All that was denied since the gateway's start, and all that audit mode let through.
    pub total: u64,
    /// Rows that others have taken.
    pub evicted: u64,
}

impl Denied {
    /// What a line of the access log tells of a denial; `None`: it tells of none.
    pub(super) fn of(line: &Line<'_>) -> Option<Self> {
        let (verdict, reason) = (line.verdict?, line.reason?);
        let name = line.requested_server_name.or(line.dns_name);
        Some(Self {
            name: name.map(Into::into),
            address: line.dst_addr,
            protocol: line.protocol,
            verdict,
            reason,
            service: line.service.map(Into::into),
            rule: line.rule.cloned(),
            cgroup: line.src_cgroup.as_deref().map(cut),
            exe: line.src_exe.as_deref().map(cut),
        })
    }
}

impl Denials {
    /// Counts one, now.
    pub(super) fn add(&self, denied: Denied) {
        let now = Timestamp::from(SystemTime::now());
        let mut rows = self.lock();
        rows.total += 1;
        if let Some(row) = rows.by_what.get_mut(&denied) {
            row.times.count += 1;
            row.times.last = now;
            row.weight += 1;
            return;
        }
        let inherited = if rows.by_what.len() < MOST {
            0
        } else {
            rows.evict()
        };
        let row = Row {
            times: Times {
                count: 1,
                first: now,
                last: now,
            },
            weight: inherited + 1,
        };
        rows.by_what.insert(Arc::new(denied), row);
    }

    /// The rows that came most often, at most `limit`.
    pub fn top(&self, limit: usize) -> Top {
        let rows = self.lock();
        let (total, evicted) = (rows.total, rows.evicted);
        let all = rows.by_what.iter();
        let mut rows: Vec<_> = all
            .map(|(denied, row)| (Arc::clone(denied), row.times))
            .collect();
        rows.sort_unstable_by_key(|(_, times)| Reverse((times.count, times.last)));
        rows.truncate(limit);
        Top {
            rows,
            total,
            evicted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Gives up the lightest row, and says how heavy it was.
    fn evict(&mut self) -> u64 {
        let rows = self.by_what.iter();
        let lightest = rows.min_by_key(|(_, row)| (row.weight, row.times.last));
        let Some((lightest, weight)) = lightest.map(|(what, row)| (Arc::clone(what), row.weight))
        else {
            return 0;
        };
        self.by_what.remove(&lightest);
        self.evicted += 1;
        weight
    }
}

/// A path's beginning.
fn cut(path: &str) -> Box<str> {
    let end = path.floor_char_boundary(LONGEST_PATH);
    match path.get(..end) {
        Some(begin) if end < path.len() => format!("{begin}…").into(),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(name: &str) -> Denied {
        Denied {
            name: Some(name.into()),
            address: "203.0.113.66:443".parse().ok(),
            protocol: Some("tls"),
            verdict: "deny",
            reason: DenyReason::HostNotInRegistry,
            service: None,
            rule: None,
            cgroup: Some("/apps.slice".into()),
            exe: None,
        }
    }

    #[test]
    fn the_same_is_counted_and_what_comes_most_is_first() {
        let denials = Denials::default();
        for name in ["once.example", "often.example", "often.example"] {
            denials.add(denied(name));
        }
        let top = denials.top(usize::MAX);
        let told: Vec<_> = top
            .rows
            .iter()
            .map(|(denied, times)| (denied.name.as_deref(), times.count))
            .collect();
        let expected = [(Some("often.example"), 2), (Some("once.example"), 1)];
        assert_eq!(told, expected);
        assert_eq!((top.total, top.evicted), (3, 0));
        assert_eq!(denials.top(1).rows.len(), 1);
    }

    #[test]
    fn a_flood_takes_no_room_and_leaves_what_comes_often() {
        let denials = Denials::default();
        for number in 0..10_000 {
            // More than once each, so that no row of the flood is lighter than what comes anew.
            for _ in 0..2 {
                denials.add(denied(&format!("{number}.flood.example")));
            }
            if number % 100 == 0 {
                denials.add(denied("often.example"));
            }
        }
        let top = denials.top(usize::MAX);
        assert_eq!(top.rows.len(), MOST);
        assert_eq!(top.total, 20_100);
        let first = top.rows.first();
        let first = first.map(|(denied, times)| (denied.name.as_deref(), times.count));
        assert_eq!(first, Some((Some("often.example"), 100)));
    }

    #[test]
    fn what_begins_while_there_is_a_flood_gets_a_row_too() {
        let denials = Denials::default();
        let flood = |name: u32| denials.add(denied(&format!("{name}.flood.example")));
        (0..3_000).for_each(|name| (0..2).for_each(|_| flood(name)));
        for name in 3_000..4_000 {
            flood(name);
            denials.add(denied("new.example"));
        }
        let top = denials.top(1);
        let first = top.rows.first();
        let first = first.map(|(denied, times)| (denied.name.as_deref(), times.count));
        assert_eq!(first, Some((Some("new.example"), 1_000)));
    }

    #[test]
    fn a_long_path_is_cut() {
        assert_eq!(&*cut("/apps.slice"), "/apps.slice");
        assert_eq!(
            cut(&"ä".repeat(LONGEST_PATH)).len(),
            LONGEST_PATH + "…".len()
        );
    }
}
