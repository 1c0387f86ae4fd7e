//! What the processes of a cgroup cost: the kernel's own count of their CPU time, and their memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::wait_until;

/// Killed processes end in milliseconds; a loaded machine takes longer.
const GONE: Duration = Duration::from_secs(10);

/// The cgroup that a relay runs in, with nothing beside it.
#[derive(Clone, Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    pub(super) fn at(directory: &Path) -> Self {
        Self(directory.into())
    }

    /// CPU time of all its processes so far, those that have ended included, in microseconds.
    pub(super) fn cpu_us(&self) -> Result<f64> {
        let text = self.read("cpu.stat")?;
        number(&text, "usage_usec").with_context(|| format!("no usage_usec in {text}"))
    }

    /// Memory of all its processes, in KiB. What several share counts once.
    pub(super) fn memory_kib(&self) -> Result<f64> {
        self.processes()?.into_iter().map(process_memory_kib).sum()
    }

    /// The ids of its processes.
    pub(super) fn processes(&self) -> Result<Vec<u32>> {
        let text = self.read("cgroup.procs")?;
        text.lines()
            .map(|line| line.parse().with_context(|| text.clone()))
            .collect()
    }

    /// Ends all its processes, and waits until they have.
    pub(super) fn end(&self) -> Result<()> {
        wait_until("the relay's processes end", GONE, || {
            // Again each time: a process may just have started another.
            fs::write(self.0.join("cgroup.kill"), "1").ok();
            self.processes().ok()?.is_empty().then_some(())
        })
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.0.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// The pages of a process, each divided by the number of processes that have it.
fn process_memory_kib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    number(&text, "Pss:").with_context(|| format!("no Pss in {path}"))
}

/// The number behind a word at the beginning of a line.
fn number(text: &str, word: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == word).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_proportional_share_and_no_other_line() {
        let rollup = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:   9000 kB\n\
                      Pss_Dirty:  10 kB\nPss:    8123 kB\nSwapPss:  1 kB\n";
        assert_eq!(number(rollup, "Pss:"), Some(8123.0));
        assert_eq!(number("Rss: 1 kB\n", "Pss:"), None);
    }

    #[test]
    fn cpu_time_is_that_of_user_and_system_together() {
        let stat = "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n";
        assert_eq!(number(stat, "usage_usec"), Some(1_234_567.0));
    }
}
