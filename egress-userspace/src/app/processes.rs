//! Which processes run: below the governed cgroups, and in which network namespaces.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::types::CgroupId;

/// The inodes of all network namespaces that processes are in.
pub(super) fn inhabited() -> io::Result<HashSet<u64>> {
    let mut inodes = HashSet::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
        {
            // A process that ends meanwhile has no namespace any more.
            inodes.extend(fs::metadata(entry.path().join("ns/net")).map(|ns| ns.ino()));
        }
    }
    Ok(inodes)
}

/// The processes in and below governed cgroups, with the cgroup of each.
pub(super) fn running(governed: &[PathBuf]) -> Vec<(u32, CgroupId)> {
    governed
        .iter()
        .flat_map(|directory| tree(directory))
        .flat_map(|d| members(&d))
        .collect()
}

/// A cgroup's directory and all below it.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let below: Vec<_> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(below);
        next += 1;
    }
    found
}

fn members(directory: &Path) -> Vec<(u32, CgroupId)> {
    let Ok(id) = fs::metadata(directory).map(|metadata| CgroupId(metadata.ino())) else {
        return Vec::new();
    };
    let processes = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    processes
        .lines()
        .filter_map(|pid| Some((pid.parse().ok()?, id)))
        .collect()
}
