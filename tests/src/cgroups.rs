//! The testbed's cgroups: who is governed, who is not, and the directory the gateway attaches to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::id::BedId;
use crate::wait::wait_until;

/// The kernel ends killed processes in milliseconds; a loaded machine takes longer.
const GONE: Duration = Duration::from_secs(10);

/// `egress-bed-…/{node/{gateway,successor,governed,outside,pods},elsewhere,inet}` below the cgroup v2 mount.
///
/// Programs are attached to `node`, so that neither the machine nor the servers are touched.
#[derive(Debug)]
pub(crate) struct Cgroups {
    root: PathBuf,
    mount: PathBuf,
}

impl Cgroups {
    /// Makes the directories.
    pub(crate) fn new(id: BedId) -> Result<Self> {
        let mount = mount_point()?;
        let cgroups = Self {
            root: mount.join(id.to_string()),
            mount,
        };
        for dir in [
            cgroups.gateway(),
            cgroups.successor(),
            cgroups.governed(),
            cgroups.outside(),
            cgroups.pods(),
            cgroups.elsewhere(),
            cgroups.inet(),
        ] {
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        Ok(cgroups)
    }

    /// Where the gateway's programs attach: everything on the node, and nothing else.
    pub(crate) fn attach(&self) -> PathBuf {
        self.root.join("node")
    }

    /// The gateway itself.
    pub(crate) fn gateway(&self) -> PathBuf {
        self.attach().join("gateway")
    }

    /// A gateway that takes over from one that is not in its own cgroup.
    pub(crate) fn successor(&self) -> PathBuf {
        self.attach().join("successor")
    }

    /// Clients that the gateway governs.
    pub(crate) fn governed(&self) -> PathBuf {
        self.attach().join("governed")
    }

    /// Clients below the attach point that no scope names.
    pub(crate) fn outside(&self) -> PathBuf {
        self.attach().join("outside")
    }

    /// Pods, which the gateway governs.
    pub(crate) fn pods(&self) -> PathBuf {
        self.attach().join("pods")
    }

    /// Clients that are not below the attach point.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.root.join("elsewhere")
    }

    /// The servers.
    pub(crate) fn inet(&self) -> PathBuf {
        self.root.join("inet")
    }

    /// A directory as a `[[scope]]` names it: from the mount on.
    pub(crate) fn relative(&self, dir: &Path) -> String {
        below(&self.mount, dir)
    }
}

/// A cgroup's path below the mount.
pub(crate) fn below(mount: &Path, dir: &Path) -> String {
    format!("/{}", dir.strip_prefix(mount).unwrap_or(dir).display())
}

/// Where cgroup v2 is mounted: alone, or beside version 1.
pub(crate) fn mount_point() -> Result<PathBuf> {
    let mounts =
        fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    parse_mount_point(&mounts).ok_or_else(|| anyhow!("no cgroup v2 (type cgroup2) is mounted"))
}

fn parse_mount_point(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let path = fields.next()?;
        (fields.next()? == "cgroup2").then(|| path.into())
    })
}

/// Kills what is left in a directory that [`Cgroups::new`] made, and removes it.
pub(crate) fn remove(root: &Path) -> Result<()> {
    // Again and again: a directory is busy until its last process is gone, and a process that was
    // just started may join between the kill and the removal.
    wait_until(&format!("{} empties", root.display()), GONE, || {
        if !root.exists() {
            return Some(());
        }
        fs::write(root.join("cgroup.kill"), "1")
            .and_then(|()| remove_tree(root))
            .ok()
    })
}

/// Leaves first: the kernel removes only empty directories, and their files cannot be removed at all.
fn remove_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup_v2_is_found_beside_version_1() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(
            parse_mount_point(mounts),
            Some("/sys/fs/cgroup/unified".into())
        );
        assert_eq!(parse_mount_point("proc /proc proc rw 0 0\n"), None);
    }
}
