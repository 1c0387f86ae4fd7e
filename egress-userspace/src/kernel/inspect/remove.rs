//! Removing all that is pinned.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::net;

use super::pin::{Pin, exists, pin_error, pins};
use super::{KernelError, Object, PROGRAMS};

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Pins of links; their programs were detached.
    pub links: Vec<PathBuf>,
    /// Pins of maps and programs.
    pub others: Vec<PathBuf>,
}

/// Detaches every program that is pinned below `directory`, and removes all pins and the directory.
///
/// The links are detached at once, not when the last process that has them open lets go. First goes
/// what turns connections to the gateway, last what the turned ones need.
pub fn remove(directory: &Path) -> Result<Removed, KernelError> {
    let mut removed = Removed::default();
    let (mut links, others): (Vec<_>, Vec<_>) = pins(directory)?
        .into_iter()
        .partition(|pin| matches!(pin.object, Object::Link(_)));
    links.sort_by_key(|pin| Reverse(place(&pin.name())));
    for pin in links {
        net::detach_link(&pin.fd).map_err(|source| pin_error(&pin.path, source))?;
        removed.links.push(unpin(pin)?);
    }
    for pin in others {
        removed.others.push(unpin(pin)?);
    }
    if exists(directory)? {
        remove_tree(directory)?;
    }
    Ok(removed)
}

/// When a program is attached, among all.
fn place(name: &str) -> usize {
    PROGRAMS
        .iter()
        .position(|program| *program == name)
        .unwrap_or(PROGRAMS.len())
}

fn unpin(pin: Pin) -> Result<PathBuf, KernelError> {
    fs::remove_file(&pin.path).map_err(|source| pin_error(&pin.path, source))?;
    Ok(pin.path)
}

/// Removes the directories, which are empty; the mount itself stays.
fn remove_tree(directory: &Path) -> Result<(), KernelError> {
    let failed = |source| pin_error(directory, source);
    for entry in fs::read_dir(directory).map_err(failed)? {
        remove_tree(&entry.map_err(failed)?.path())?;
    }
    if is_mount(directory).map_err(failed)? {
        return Ok(());
    }
    fs::remove_dir(directory).map_err(failed)
}

/// Whether a file system is mounted there.
fn is_mount(directory: &Path) -> io::Result<bool> {
    let above = fs::metadata(directory.join(".."))?;
    Ok(fs::metadata(directory)?.dev() != above.dev())
}
