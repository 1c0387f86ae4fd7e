//! A whole log.

use std::io::{self, BufRead};

use super::lines::{Lines, TooLong};
use super::raw::{Malformed, parse};
use super::seen::Seen;

/// Lines of which it is told what is wrong: the first show what kind of file it is.
const MAX_TOLD: usize = 5;

/// How much was read.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// Those of them that are not lines of an access log.
    pub malformed: u64,
    /// The first of those.
    pub first: Vec<Complaint>,
}

/// A line that is not one of an access log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Complaint {
    /// The log, as it was named.
    pub log: String,
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a log to its end, line by line, and gives each that is one to `each`.
pub fn read(
    name: &str,
    from: impl BufRead,
    tally: &mut Tally,
    mut each: impl FnMut(&Seen),
) -> io::Result<()> {
    let mut lines = Lines::new(from);
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        tally.lines += 1;
        match line.map_err(|TooLong| Malformed::TooLong).and_then(parse) {
            Ok(seen) => each(&seen),
            Err(malformed) => tally.complain(name, number, &malformed),
        }
    }
    Ok(())
}

impl Tally {
    fn complain(&mut self, log: &str, line: u64, malformed: &Malformed) {
        self.malformed += 1;
        if self.first.len() < MAX_TOLD {
            self.first.push(Complaint {
                log: log.to_owned(),
                line,
                why: malformed.to_string(),
            });
        }
    }
}
