//! The Unix socket of the API, and who may come in.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Knock;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// Owner alone: who may not open it cannot even connect.
const MODE: u32 = 0o600;

/// A Unix socket that root and the gateway's own user may talk to. Its file goes when it is dropped.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file: another gateway may have put its own in the place since.
    file: (u64, u64),
}

impl Door {
    /// Listens at `path`, in the place of a socket that nobody listens at any more, or, to `take_over`,
    /// of another gateway's. The directory is made if it is not there.
    ///
    /// Fails with [`AddrInUse`](io::ErrorKind::AddrInUse) if somebody listens there, and with
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if something else than a socket is there.
    pub fn open(path: &Path, take_over: bool) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(_) if !take_over && Knock::connect(path).is_ok() => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            _ => {}
        }
        // Made beside it and renamed: at no moment is there none, nor one that anybody may open.
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let _ = fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside)?;
        fs::set_permissions(&beside, Permissions::from_mode(MODE))?;
        let about = fs::symlink_metadata(&beside)?;
        fs::rename(&beside, path)?;
        Ok(Self {
            listener,
            path: path.into(),
            file: (about.dev(), about.ino()),
        })
    }

    /// Lets the next one in who may.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let peer = stream.peer_cred()?;
            if peer.uid() == 0 || peer.uid() == geteuid().as_raw() {
                return Ok(stream);
            }
            warn!(
                uid = peer.uid(),
                pid = peer.pid(),
                "turned away from the admin socket"
            );
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let is_ours = |about: &fs::Metadata| (about.dev(), about.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(|about| is_ours(&about)) {
            // Nothing is lost by a file that stays: the next gateway puts its own in the place.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    #[tokio::test]
    async fn only_the_owner_may_open_it_and_it_goes_with_the_gateway() {
        let directory = directory();
        let path = directory.path().join("made/admin.sock");
        let door = Door::open(&path, false).expect("it opens");
        let about = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o777, MODE);
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn one_that_is_listened_at_is_replaced_to_take_over_and_only_then() {
        let directory = directory();
        let path = directory.path().join("admin.sock");
        let first = Door::open(&path, false).expect("it opens");
        let second = Door::open(&path, false).expect_err("somebody listens");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        let second = Door::open(&path, true).expect("it takes over");
        // The first one's end does not take the second one's file.
        drop(first);
        assert!(Knock::connect(&path).is_ok());
        drop(second);
    }

    #[tokio::test]
    async fn one_that_was_left_behind_is_replaced_and_a_file_is_not() {
        let directory = directory();
        let path = directory.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists());
        drop(Door::open(&path, false).expect("it opens"));
        fs::write(&path, "kept").expect("a file");
        let error = Door::open(&path, true).expect_err("a file is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("still there"), "kept");
    }
}
