//! What the kernel shows below `/sys`: its types, and the file system that pins live in.

use std::fs;
use std::path::Path;

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::config::Config;
use crate::settings;

use super::check::{Check, Subject};

/// The kernel's own types, by which programs are fitted to it.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

const BTF: Subject = Subject {
    name: "BTF",
    needed: true,
    with: "storage on sockets, in which a connection's record travels, is typed by it",
    without: "maps for storage on sockets can't be made: nothing can be enforced",
    fix: "use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are",
};

const PINS: Subject = Subject {
    name: "BPF file system",
    needed: true,
    with: "the programs stay attached when the gateway ends: nothing goes out unjudged",
    without: "nothing can keep the programs attached when the gateway ends",
    fix: "mount -t bpf bpf /sys/fs/bpf, and set [gateway] bpffs to a directory in it",
};

/// What the kernel tells of its types.
pub(super) fn types() -> Vec<Check> {
    let there = fs::metadata(TYPES).is_ok();
    vec![BTF.is(
        there,
        if there {
            TYPES.to_owned()
        } else {
            format!("no {TYPES}")
        },
    )]
}

/// Where the programs are pinned.
pub(super) fn pins(config: Option<&Config>) -> Vec<Check> {
    let directory = settings::pins(config);
    let found = directory.display().to_string();
    vec![PINS.is(is_bpf(&directory), found)]
}

/// Whether a directory, or the one that it would be made in, is in a BPF file system.
fn is_bpf(directory: &Path) -> bool {
    let nearest = directory.ancestors().find(|path| path.exists());
    nearest
        .and_then(|path| statfs(path).ok())
        .is_some_and(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_file_system_is_not_taken_for_one_of_bpf() {
        assert!(!is_bpf(Path::new("/proc/self/no/such/directory")));
        assert!(!is_bpf(Path::new("/")));
    }
}
