//! A place of its own for what a testbed's gateways pin.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::id::BedId;

/// Where a BPF file system is, or is mounted for the tests.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";

/// The testbed's directory; a gateway makes it.
pub(crate) fn directory(id: BedId) -> PathBuf {
    Path::new(BPFFS).join(id.to_string())
}

/// Mounts a BPF file system where none is. It stays: it is empty, and the next one uses it.
pub(crate) fn mounted() -> Result<()> {
    let there = statfs(BPFFS).context("cannot look at /sys/fs/bpf")?;
    if there.filesystem_type() == BPF_FS_MAGIC {
        return Ok(());
    }
    let none: Option<&str> = None;
    mount(Some("bpf"), BPFFS, Some("bpf"), MsFlags::empty(), none)
        .context("cannot mount a BPF file system on /sys/fs/bpf")
}

/// Removes all that is pinned below a directory, which detaches it.
pub(crate) fn remove(id: BedId) -> Result<()> {
    let directory = directory(id);
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(())
}
