//! Running one row: the client's view and the access log's, beside what was expected.

use std::fmt;

use anyhow::Result;

use super::attempt::Attempt;
use super::rows::{By, Logged, Row};
use crate::access_log::{AccessLog, Line};
use crate::bed::Testbed;
use crate::gateway::Gateway;

/// A connection that is certainly logged, and at once: it is denied. The row goes to another port.
const MARKER: Attempt = Attempt::Curl(&[
    "--resolve",
    "evil.example.net:80:203.0.113.66",
    "http://evil.example.net/",
]);
const MARKER_PORT: &str = ":80";

/// What came of a row.
#[derive(Debug)]
pub struct Tried {
    /// The row.
    pub row: &'static Row,
    /// What the client saw.
    pub seen: String,
    /// What the access log says.
    pub logged: String,
}

impl Tried {
    /// Whether the client and the access log both saw what the row says.
    pub fn as_expected(&self) -> bool {
        self.row.proof.iter().all(|proof| self.seen.contains(proof))
            && self.logged == self.row.logged.to_string()
    }
}

/// Lets the client try, and reads what the gateway logged of it.
pub fn run(bed: &Testbed, gateway: &Gateway, row: &'static Row) -> Result<Tried> {
    let log = gateway.access_log().from_here();
    let client = match row.by {
        By::Governed => bed.governed(),
        By::Outside => bed.outside(),
    };
    let seen = row.attempt.make(bed, &client)?;
    let logged = match row.logged {
        Logged::Allow(_) | Logged::Deny(_) => logged(&log),
        Logged::Nothing => logged_before_marker(bed, &log)?,
    };
    Ok(Tried { row, seen, logged })
}

/// All lines of the one connection that was made; if none comes, that is the finding.
fn logged(log: &AccessLog) -> String {
    log.wait_for("of this attempt", |_| true).ok();
    describe(&log.lines())
}

/// No event says that nothing was logged, so another connection is made that certainly is: a line of
/// the attempt would come before its line.
fn logged_before_marker(bed: &Testbed, log: &AccessLog) -> Result<String> {
    let is_marker = |line: &Line| line.get("dst.addr").ends_with(MARKER_PORT);
    MARKER.make(bed, &bed.governed())?;
    log.wait_for("of the marker", is_marker)?;
    let before: Vec<_> = log
        .lines()
        .into_iter()
        .take_while(|line| !is_marker(line))
        .collect();
    Ok(describe(&before))
}

/// As [`Logged`] is written.
fn describe(lines: &[Line]) -> String {
    if lines.is_empty() {
        return Logged::Nothing.to_string();
    }
    let one = |line: &Line| {
        let verdict = line.get("verdict");
        let why = line.get(if verdict == "deny" {
            "reason"
        } else {
            "service"
        });
        format!("{verdict}: {why}")
    };
    lines.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(service) => write!(f, "allow: {service}"),
            Self::Deny(reason) => write!(f, "deny: {reason}"),
            Self::Nothing => f.write_str("not logged"),
        }
    }
}
