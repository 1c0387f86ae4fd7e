//! The cgroup v2 hierarchy: directories, ids, and the way back from an id to a path.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::net;
use crate::types::CgroupId;

use super::KernelError;

/// Paths remembered by id. One is some 100 bytes; a node has far fewer cgroups that connect. When it
/// is full it starts anew, so that cgroups long gone do not stay.
const CACHED_PATHS: usize = 16_384;

/// A mounted cgroup v2 hierarchy.
#[derive(Debug)]
pub(super) struct Hierarchy {
    mount: PathBuf,
    root: File,
    paths: Mutex<HashMap<CgroupId, Arc<str>, RandomState>>,
}

impl Hierarchy {
    /// Finds where the hierarchy is mounted, from `/proc/self/mountinfo`.
    pub(super) fn find() -> Result<Self, KernelError> {
        let mounts =
            fs::read_to_string("/proc/self/mountinfo").map_err(|source| KernelError::Cgroup {
                path: "/proc/self/mountinfo".into(),
                source,
            })?;
        let mount = cgroup2_mount(&mounts).ok_or(KernelError::NoHierarchy)?;
        let root = File::open(&mount).map_err(|source| KernelError::Cgroup {
            path: mount.clone(),
            source,
        })?;
        Ok(Self {
            mount,
            root,
            paths: Mutex::default(),
        })
    }

    /// The directory to attach to: the one that is set, free of links, or the root.
    pub(super) fn attach_point(&self, set: Option<&Path>) -> Result<PathBuf, KernelError> {
        let Some(directory) = set else {
            return Ok(self.mount.clone());
        };
        directory
            .canonicalize()
            .map_err(|source| KernelError::Cgroup {
                path: directory.to_owned(),
                source,
            })
    }

    /// The directory of the cgroup at `path` below the mount.
    pub(super) fn directory(&self, path: &Path) -> PathBuf {
        self.mount.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The path below the mount of the cgroup with this directory, beginning with `/`.
    pub(super) fn below(&self, directory: &Path) -> PathBuf {
        let below = directory.strip_prefix(&self.mount).unwrap_or(directory);
        Path::new("/").join(below)
    }

    /// The directories of cgroups at paths below the mount.
    pub(super) fn directories(&self, paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        paths.iter().map(|path| self.directory(path)).collect()
    }

    /// The id of the cgroup at `path` below the mount.
    pub(super) fn id(&self, path: &Path) -> Result<CgroupId, KernelError> {
        id_of(&self.directory(path))
    }

    /// The id of the cgroup that a process is in; `None`: it is gone.
    pub(super) fn of_process(&self, pid: u32) -> Result<Option<CgroupId>, KernelError> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        match self.path_of_process(pid).and_then(|path| self.id(&path)) {
            Ok(id) => Ok(Some(id)),
            Err(_) if !process.exists() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The path of the cgroup that a process is in, below the mount.
    ///
    /// `/proc` tells it as seen from the cgroup namespace of this process. A container that is not privileged has one of
    /// its own, in which its own cgroup is the root, while the mount is the node's: there the process is looked for.
    pub(super) fn path_of_process(&self, pid: u32) -> Result<PathBuf, KernelError> {
        let told = path_in(&PathBuf::from(format!("/proc/{pid}/cgroup")))?;
        let leads_out = told.components().any(|part| part == Component::ParentDir);
        // What can't be read is believed: it is so in threaded cgroups.
        let is_told = !leads_out && has_process(&self.directory(&told), pid).unwrap_or(true);
        if is_told {
            return Ok(told);
        }
        self.look_for(pid).ok_or_else(|| KernelError::Cgroup {
            path: self.directory(&told),
            source: io::Error::other(format!("process {pid} is neither in it nor in another")),
        })
    }

    /// Looks for a process in every cgroup, of which a node has some thousands: that takes a fraction of a second, once
    /// at the start.
    fn look_for(&self, pid: u32) -> Option<PathBuf> {
        let mut directories = vec![self.mount.clone()];
        while let Some(directory) = directories.pop() {
            if has_process(&directory, pid).unwrap_or(false) {
                let below = directory.strip_prefix(&self.mount).ok()?;
                return Some(Path::new("/").join(below));
            }
            // One that is gone meanwhile has nobody in it.
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            let is_directory =
                |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            directories.extend(entries.filter(is_directory).map(|entry| entry.path()));
        }
        None
    }

    /// The path of a cgroup below the mount, starting with `/`; `None`: it is gone.
    pub(super) fn path(&self, id: CgroupId) -> Option<Arc<str>> {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = paths.get(&id) {
            return Some(Arc::clone(path));
        }
        let path: Arc<str> = self.look_up(id).ok()?.into();
        if paths.len() == CACHED_PATHS {
            paths.clear();
        }
        paths.insert(id, Arc::clone(&path));
        Some(path)
    }

    fn look_up(&self, id: CgroupId) -> io::Result<String> {
        let directory = net::open_by_id(self.root.as_fd(), id.0)?;
        let path = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()))?;
        let below = path.strip_prefix(&self.mount).map_err(io::Error::other)?;
        Ok(format!("/{}", below.display()))
    }
}

/// The id of the cgroup whose directory this is.
pub(super) fn id_of(directory: &Path) -> Result<CgroupId, KernelError> {
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => Ok(CgroupId(metadata.ino())),
        Ok(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        Err(error) => Err(error),
    }
    .map_err(|source| KernelError::Cgroup {
        path: directory.to_owned(),
        source,
    })
}

/// Whether a process is in the cgroup of this directory, and in none below it.
fn has_process(directory: &Path, pid: u32) -> io::Result<bool> {
    let pids = fs::read_to_string(directory.join("cgroup.procs"))?;
    Ok(pids.lines().any(|line| line.parse() == Ok(pid)))
}

/// The path in a `/proc/PID/cgroup` file.
fn path_in(file: &Path) -> Result<PathBuf, KernelError> {
    let text = fs::read_to_string(file).map_err(|source| KernelError::Cgroup {
        path: file.into(),
        source,
    })?;
    v2_path(&text)
        .map(Path::to_owned)
        .ok_or(KernelError::NoHierarchy)
}

/// The mount point of the first cgroup2 file system in a mountinfo file (proc(5)).
fn cgroup2_mount(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (fields, rest) = line.split_once(" - ")?;
        rest.starts_with("cgroup2 ")
            .then(|| fields.split(' ').nth(4).map(unescape))?
    })
}

/// Mount points have space, tab, newline and backslash as octal escapes.
fn unescape(field: &str) -> PathBuf {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    escapes
        .iter()
        .fold(field.to_owned(), |text, (code, plain)| {
            text.replace(code, plain)
        })
        .into()
}

/// The v2 line of a `/proc/PID/cgroup` file.
fn v2_path(cgroups: &str) -> Option<&Path> {
    cgroups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(Path::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_beside_v1_hierarchies() {
        let mountinfo = "\
            24 30 0:22 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n\
            25 24 0:23 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            26 24 0:24 / /sys/fs/cgroup/uni\\040fied rw shared:6 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            cgroup2_mount(mountinfo),
            Some("/sys/fs/cgroup/uni fied".into())
        );
        assert_eq!(
            cgroup2_mount("24 30 0:22 / / rw - ext4 /dev/vda rw\n"),
            None
        );
    }

    #[test]
    fn the_v2_line_is_the_one_without_a_controller() {
        let cgroups = "12:cpu:/a\n1:name=systemd:/b\n0::/system.slice/egress.service\n";
        assert_eq!(
            v2_path(cgroups),
            Some(Path::new("/system.slice/egress.service"))
        );
        assert_eq!(v2_path("1:cpu:/a\n"), None);
    }

    #[test]
    fn a_process_is_found_by_its_id_until_it_is_gone() {
        let hierarchy = Hierarchy::find().expect("a cgroup v2 hierarchy");
        let own = hierarchy.path_of_process(std::process::id());
        let own = hierarchy.id(&own.expect("own cgroup"));
        let found = hierarchy.of_process(std::process::id()).expect("found");
        assert_eq!(found, own.ok());
        // Ids end below 2^22.
        assert!(matches!(hierarchy.of_process(u32::MAX), Ok(None)));
    }

    #[test]
    fn an_id_leads_back_to_its_path() {
        let hierarchy = Hierarchy::find().expect("a cgroup v2 hierarchy");
        let own = hierarchy.path_of_process(std::process::id());
        let own = own.expect("own cgroup");
        // The same whether it is told or looked for.
        assert_eq!(hierarchy.look_for(std::process::id()).as_ref(), Some(&own));
        let id = hierarchy.id(&own).expect("an id");
        let path = hierarchy.path(id).expect("a path");
        assert_eq!(Path::new(&*path), own);
        assert_eq!(hierarchy.path(CgroupId(u64::MAX)), None);
    }
}
