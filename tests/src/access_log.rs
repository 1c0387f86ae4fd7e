//! Reading the gateway's access log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::wait::wait_until;

/// A line is written when a connection ends, and to a file of the same machine.
const WRITTEN: Duration = Duration::from_secs(10);

/// A gateway's access log, read from a mark on.
#[derive(Clone, Debug)]
pub struct AccessLog {
    path: PathBuf,
    skipped: usize,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Value);

impl AccessLog {
    /// The log in a file, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            skipped: 0,
        }
    }

    /// The same log from its present end on.
    #[must_use]
    pub fn from_here(&self) -> Self {
        Self {
            path: self.path.clone(),
            skipped: self.skipped + self.lines().len(),
        }
    }

    /// All whole lines since the mark.
    pub fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .skip(self.skipped)
            .map(|line| Line(serde_json::from_str(line).unwrap_or_else(|_| Value::from(line))))
            .collect()
    }

    /// Waits for the first line since the mark, and moves the mark behind it.
    pub(crate) fn next(&mut self) -> Result<Line> {
        let line = wait_until("the next line in the access log", WRITTEN, || {
            self.lines().into_iter().next()
        })?;
        self.skipped += 1;
        Ok(line)
    }

    /// Waits for the first line since the mark that fits.
    pub fn wait_for(&self, what: &str, fits: impl Fn(&Line) -> bool) -> Result<Line> {
        let what = format!("a line in the access log: {what}");
        wait_until(&what, WRITTEN, || self.lines().into_iter().find(&fits))
    }
}

impl From<Value> for Line {
    fn from(line: Value) -> Self {
        Self(line)
    }
}

impl Line {
    /// Some values, each as text and in the order of the keys: `api allow -`.
    pub fn pick(&self, keys: &str) -> String {
        let values: Vec<_> = keys.split(' ').map(|key| self.get(key)).collect();
        values.join(" ")
    }

    /// A value as text; empty if there is none. Keys such as `src.pid` are whole keys, not paths.
    pub fn get(&self, key: &str) -> String {
        match self.0.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn a_mark_hides_what_came_before_and_half_a_line_is_not_a_line() {
        let path = env::temp_dir().join(format!("egress-access-log-{}", std::process::id()));
        fs::write(&path, "{\"verdict\":\"denied\",\"src.pid\":7}\n")
            .expect("a file in the temporary directory");
        let log = AccessLog::new(&path);
        let later = log.from_here();
        fs::write(
            &path,
            "{\"verdict\":\"denied\",\"src.pid\":7}\n{\"verdict\":\"allowed\"}\n{\"ver",
        )
        .expect("the same file");
        let verdicts = |log: &AccessLog| {
            log.lines()
                .iter()
                .map(|l| l.get("verdict"))
                .collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&log), ["denied", "allowed"]);
        assert_eq!(verdicts(&later), ["allowed"]);
        assert_eq!(
            log.lines().first().expect("the first line").get("src.pid"),
            "7"
        );
        fs::remove_file(path).expect("it is there");
    }
}
