//! Files of the BPF file system.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use aya::maps::{Map, MapData};
use nix::errno::Errno;
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::net;

use super::{KernelError, Object};

/// An object that is pinned, and held open.
#[derive(Debug)]
pub(super) struct Pin {
    pub(super) path: PathBuf,
    pub(super) fd: OwnedFd,
    pub(super) object: Object,
}

impl Pin {
    /// Opens what is pinned at `path`.
    fn open(path: PathBuf) -> io::Result<Self> {
        let fd = net::open_pin(&path)?;
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
        let object = Object::parse(&text).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "neither a link nor a map nor a program",
            )
        })?;
        Ok(Self { path, fd, object })
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The map that it is.
    pub(super) fn map(&self) -> Option<Map> {
        let data = MapData::from_fd(self.fd.try_clone().ok()?).ok()?;
        Map::from_map_data(data).ok()
    }
}

/// All that is pinned below `directory`, in order of the paths; nothing if it is not there.
pub(super) fn pins(directory: &Path) -> Result<Vec<Pin>, KernelError> {
    if !exists(directory)? {
        return Ok(Vec::new());
    }
    let paths = files(directory).map_err(|source| pin_error(directory, source))?;
    paths
        .into_iter()
        .filter_map(|path| {
            let pin = Pin::open(path.clone());
            // A gateway that runs takes away what it has no more use for, as of a pod that has gone.
            let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            match pin {
                Err(error) if is_gone(&error) => None,
                pin => Some(pin.map_err(|source| pin_error(&path, source))),
            }
        })
        .collect()
}

/// Whether there is such a directory. One that is not of the BPF file system is refused: nothing in
/// it is a pin, and it may be a mistyped path.
pub(super) fn exists(directory: &Path) -> Result<bool, KernelError> {
    match statfs(directory) {
        Ok(found) if found.filesystem_type() == BPF_FS_MAGIC => Ok(true),
        Ok(_) => Err(KernelError::NotBpffs {
            path: directory.to_owned(),
        }),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(pin_error(directory, errno.into())),
    }
}

pub(super) fn pin_error(path: &Path, source: io::Error) -> KernelError {
    KernelError::Pin {
        path: path.to_owned(),
        source,
    }
}

/// The files below a directory; a directory in it that is taken away meanwhile has none.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
