//! The kernel's own statistics of its programs: how often each ran, and for how long.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;

/// What a program has done so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) calls: u64,
    pub(super) nanoseconds: f64,
}

/// The gateway's programs by name. Other gateways on the machine have programs of the same names: only
/// those that this process holds are looked at.
pub(super) fn of(gateway: u32) -> Result<BTreeMap<String, Run>> {
    let held = held_by(gateway)?;
    let mut runs = BTreeMap::new();
    // A program that goes meanwhile is somebody else's.
    for program in loaded_programs().filter_map(Result::ok) {
        let Some(name) = program
            .name_as_str()
            .filter(|_| held.contains(&program.id()))
        else {
            continue;
        };
        runs.insert(
            name.to_owned(),
            Run {
                calls: program.run_count(),
                nanoseconds: program.run_time().as_secs_f64() * 1e9,
            },
        );
    }
    Ok(runs)
}

/// The ids of all programs that a process has a descriptor of, or of a link to.
fn held_by(process: u32) -> Result<BTreeSet<u32>> {
    let directory = Path::new("/proc").join(process.to_string()).join("fdinfo");
    let entries =
        fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let infos = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    Ok(infos.filter_map(|info| program_id(&info)).collect())
}

fn program_id(info: &str) -> Option<u32> {
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:"))?;
    id.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_a_program_tells_its_id() {
        let info = "pos:\t0\nflags:\t02\nlink_type:\tcgroup\nprog_id:\t417\n";
        assert_eq!(program_id(info), Some(417));
        assert_eq!(program_id("pos:\t0\nino:\t1\n"), None);
    }
}
