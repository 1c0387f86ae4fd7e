//! Removing what a testbed left on the machine: processes, cgroups, namespaces, files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cgroups;
use crate::command;
use crate::id::BedId;
use crate::net::NETNS_DIR;
use crate::pins;
use crate::signals;

/// Owns all that carries a testbed's name; dropping it removes that.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) BedId);

impl Drop for Owned {
    fn drop(&mut self) {
        signals::hold_if_ending();
        remove(self.0);
    }
}

/// Where a testbed keeps its files.
pub(crate) fn scratch_dir(id: BedId) -> PathBuf {
    env::temp_dir().join(id.to_string())
}

/// Removes what testbeds left whose owner was killed.
pub(crate) fn stale() {
    remove_all(BedId::is_stale);
}

/// Removes what this process's testbeds have made so far.
pub(crate) fn ours() {
    remove_all(BedId::is_ours);
}

fn remove_all(wanted: impl Fn(BedId) -> bool) {
    let places: [Option<PathBuf>; 4] = [
        cgroups::mount_point().ok(),
        Some(NETNS_DIR.into()),
        Some(env::temp_dir()),
        Some(pins::BPFFS.into()),
    ];
    for dir in places.into_iter().flatten() {
        names(&dir)
            .filter_map(|n| BedId::of(&n))
            .filter(|id| wanted(*id))
            .for_each(remove);
    }
}

/// Processes first, as all else is busy while they live. Every step is tried, whatever came of the
/// one before: what cannot be removed is said, and the next testbed tries again.
fn remove(id: BedId) {
    report(cgroups::mount_point().and_then(|mount| cgroups::remove(&mount.join(id.to_string()))));
    for netns in names(Path::new(NETNS_DIR)).filter(|name| BedId::of(name) == Some(id)) {
        report(command::stdout(command::system("ip").args(["netns", "delete", &netns])).map(drop));
    }
    report(pins::remove(id));
    let scratch = scratch_dir(id);
    if scratch.exists() {
        report(fs::remove_dir_all(scratch).map_err(Into::into));
    }
}

fn report(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("testbed: not removed: {error:#}");
    }
}

/// The names in a directory; none if it cannot be read.
fn names(dir: &Path) -> impl Iterator<Item = String> + use<> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}
