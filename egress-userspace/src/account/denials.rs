//! Who was denied what, counted: a table of bounded size that keeps what comes often.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::access_log::{Line, Timestamp};
use crate::types::Place;

/// Rows. A registry that lacks more than this many at once is not mended row by row; with names of the
/// greatest length they take half a megabyte.
const MOST: usize = 1_024;

/// The table.
///
/// When it is full, what comes anew takes the row that has come the fewest times, of those the one that
/// has not come for longest: so a flood of names that come once each leaves the rows of what comes often.
#[derive(Debug, Default)]
pub struct Denials(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// Names in it are clients' own: its hashes can't be foreseen.
    by_what: HashMap<Arc<Denied>, Times, RandomState>,
    total: u64,
    evicted: u64,
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
    /// Why: the label of a [`DenyReason`](crate::types::DenyReason).
    pub reason: &'static str,
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
        let name = line.requested_server_name.or(line.dns_name);
        Some(Self {
            name: name.map(Into::into),
            address: line.dst_addr,
            protocol: line.protocol,
            verdict: line.verdict?,
            reason: line.reason?,
            service: line.service.map(Into::into),
            rule: line.rule.cloned(),
            cgroup: line.src_cgroup.as_deref().map(Into::into),
            exe: line.src_exe.as_deref().map(Into::into),
        })
    }
}

impl Denials {
    /// Counts one, now.
    pub(super) fn add(&self, denied: Denied) {
        let now = Timestamp::from(SystemTime::now());
        let mut rows = self.lock();
        rows.total += 1;
        if let Some(times) = rows.by_what.get_mut(&denied) {
            times.count += 1;
            times.last = now;
            return;
        }
        if rows.by_what.len() >= MOST {
            rows.evict();
        }
        let times = Times {
            count: 1,
            first: now,
            last: now,
        };
        rows.by_what.insert(Arc::new(denied), times);
    }

    /// The rows that came most often, at most `limit`.
    pub fn top(&self, limit: usize) -> Top {
        let rows = self.lock();
        let (total, evicted) = (rows.total, rows.evicted);
        let all = rows.by_what.iter();
        let mut rows: Vec<_> = all
            .map(|(denied, times)| (Arc::clone(denied), *times))
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
    fn evict(&mut self) {
        let least = self
            .by_what
            .iter()
            .min_by_key(|(_, times)| (times.count, times.last))
            .map(|(denied, _)| Arc::clone(denied));
        if let Some(least) = least {
            self.by_what.remove(&least);
            self.evicted += 1;
        }
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
            reason: "host_not_in_registry",
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
        for number in 0..20_000 {
            denials.add(denied(&format!("{number}.flood.example")));
            if number % 500 == 0 {
                denials.add(denied("often.example"));
            }
        }
        let top = denials.top(usize::MAX);
        assert_eq!(top.rows.len(), MOST);
        assert_eq!(top.total, 20_040);
        let first = top
            .rows
            .first()
            .map(|(denied, times)| (&denied.name, times.count));
        assert_eq!(first, Some((&Some("often.example".into()), 40)));
        let kept: u64 = top.rows.iter().map(|(_, times)| times.count).sum();
        assert_eq!(kept + top.evicted, top.total);
    }
}
