//! What stays while no gateway runs: maps, and the links of the programs, pinned in a BPF file system.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use egress_common::ABI_VERSION;
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::net;

use super::KernelError;

/// The map that tells which gateway there is.
pub(super) const ABOUT: &str = "ABOUT";
/// How the names of maps' directories begin.
const MAPS_OF: &[u8] = b"maps-";

/// The maps that another gateway goes on with.
pub(super) const MAPS: [&str; 19] = [
    "CFG",
    ABOUT,
    "SCOPE",
    "NETNS",
    "DESTINATIONS",
    "GENERATION",
    "ORIG",
    "FLOWS",
    "ACC",
    "COUNTERS",
    "BEGUN",
    "EVENTS",
    "REQUESTS",
    "VETHS",
    "OPENED",
    "PEERS",
    "ASKERS",
    "RUNS",
    "EARLY",
];

/// The directories of the pins.
#[derive(Clone, Debug)]
pub(super) struct Pins {
    root: PathBuf,
}

impl Pins {
    /// Makes the directories, which must be in a BPF file system.
    pub(super) fn new(root: &Path) -> Result<Self, KernelError> {
        // Nothing below it can be made where no BPF file system is mounted.
        let there = root.ancestors().find(|path| path.exists()).unwrap_or(root);
        match statfs(there) {
            Ok(found) if found.filesystem_type() == BPF_FS_MAGIC => {}
            Ok(_) => {
                return Err(KernelError::NotBpffs {
                    path: root.to_owned(),
                });
            }
            Err(errno) => return Err(pin(there, errno.into())),
        }
        let pins = Self {
            root: root.to_owned(),
        };
        for directory in [pins.links(), pins.maps()] {
            fs::create_dir_all(&directory).map_err(|source| pin(&directory, source))?;
        }
        Ok(pins)
    }

    /// Where a map is pinned. Of each version of their layout the maps have a place of their own, but
    /// for the one that tells which gateway there is.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        if name == ABOUT {
            self.root.join(name)
        } else {
            self.maps().join(name)
        }
    }

    /// Removes the maps of other versions, which no program uses any more.
    pub(super) fn remove_others(&self) -> Result<(), KernelError> {
        let others = fs::read_dir(&self.root).map_err(|source| pin(&self.root, source))?;
        for path in others.flatten().map(|entry| entry.path()) {
            let is_maps = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(MAPS_OF));
            if is_maps && path != self.maps() {
                fs::remove_dir_all(&path).map_err(|source| pin(&path, source))?;
            }
        }
        Ok(())
    }

    /// Where a program's link is pinned.
    pub(super) fn link(&self, program: &str) -> PathBuf {
        self.links().join(program)
    }

    /// The link that is pinned for a program, if one is.
    pub(super) fn pinned(&self, program: &str) -> Result<Option<OwnedFd>, KernelError> {
        let path = self.link(program);
        match net::open_pin(&path) {
            Ok(link) => Ok(Some(link)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(pin(&path, source)),
        }
    }

    /// Removes a program's pin; the link goes when nobody holds it any more.
    pub(super) fn unpin(&self, program: &str) -> Result<(), KernelError> {
        let path = self.link(program);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(pin(&path, error)),
            _ => Ok(()),
        }
    }

    /// The names of the pinned links that begin with `program`.
    pub(super) fn links_like(&self, program: &str) -> Result<Vec<String>, KernelError> {
        let directory = self.links();
        let entries = fs::read_dir(&directory).map_err(|source| pin(&directory, source))?;
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| name.starts_with(program)).collect())
    }

    fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    fn maps(&self) -> PathBuf {
        self.root.join(format!("maps-{ABI_VERSION}"))
    }
}

fn pin(path: &Path, source: io::Error) -> KernelError {
    KernelError::Pin {
        path: path.to_owned(),
        source,
    }
}
