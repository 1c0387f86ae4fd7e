//! The Unix socket of the API, and who may come in.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// Owner alone: who may not open it cannot even connect.
const MODE: u32 = 0o600;

/// The name of the socket until it is in its place.
const BESIDE: &str = "socket";

/// A Unix socket that root and the gateway's own user may talk to.
#[derive(Debug)]
pub struct Door(UnixListener);

/// Where a door's file is to be, and then is. It goes when this is dropped.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// A directory of its own beside it, where the file is made.
    beside: PathBuf,
    /// Device and number of the file: another gateway may have put its own in the place since.
    file: (u64, u64),
}

impl Door {
    /// Makes the door of `path`, which nobody finds before its [`Place`] is [taken](Place::take). The
    /// directory is made if it is not there.
    ///
    /// Fails with [`AddrInUse`](io::ErrorKind::AddrInUse) if somebody listens there and is not to be taken
    /// over from, and with [`AlreadyExists`](io::ErrorKind::AlreadyExists) if something else than a socket is
    /// there.
    pub fn open(path: &Path, take_over: bool) -> io::Result<(Self, Place)> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(_) if !take_over && is_listened_at(path)? => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            _ => {}
        }
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        // One that a process of the same number left.
        let _ = fs::remove_file(beside.join(BESIDE));
        let _ = fs::remove_dir(&beside);
        // Nobody else may enter it, and so nobody change what is in it.
        DirBuilder::new().mode(0o700).create(&beside)?;
        let mut place = Place {
            path: path.into(),
            beside,
            file: (0, 0),
        };
        // By the directory's descriptor, so that its longer path need not fit into an address.
        let directory = File::open(&place.beside)?;
        let own = format!("/proc/self/fd/{}/{BESIDE}", directory.as_raw_fd());
        let listener = UnixListener::bind(&own)?;
        fs::set_permissions(&own, Permissions::from_mode(MODE))?;
        let about = fs::symlink_metadata(&own)?;
        place.file = (about.dev(), about.ino());
        Ok((Self(listener), place))
    }

    /// Lets the next one in who may.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.0.accept().await?;
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

impl Place {
    /// Puts the door where it is looked for, in the place of another's, in one step.
    pub fn take(&self) -> io::Result<()> {
        fs::rename(self.beside.join(BESIDE), &self.path)?;
        fs::remove_dir(&self.beside)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_ours = |about: &fs::Metadata| (about.dev(), about.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(|about| is_ours(&about)) {
            // Nothing is lost by a file that stays: the next gateway puts its own in the place.
            let _ = fs::remove_file(&self.path);
        }
        // What is left if it was not taken.
        let _ = fs::remove_file(self.beside.join(BESIDE));
        let _ = fs::remove_dir(&self.beside);
    }
}

/// Whether somebody listens there, also if they take nobody at the moment.
fn is_listened_at(path: &Path) -> io::Result<bool> {
    let knock = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    knock.set_nonblocking(true)?;
    Ok(match knock.connect(&SockAddr::unix(path)?) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn open(path: &Path, take_over: bool) -> (Door, Place) {
        let (door, place) = Door::open(path, take_over).expect("it opens");
        place.take().expect("it is put in its place");
        (door, place)
    }

    #[tokio::test]
    async fn only_the_owner_may_open_it_and_it_goes_with_the_gateway() {
        let directory = directory();
        let path = directory.path().join("made/admin.sock");
        let (_door, place) = open(&path, false);
        let about = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o777, MODE);
        drop(place);
        let left = fs::read_dir(directory.path().join("made")).expect("the directory");
        assert_eq!(left.count(), 0);
    }

    #[tokio::test]
    async fn one_that_is_listened_at_is_replaced_to_take_over_and_only_then() {
        let directory = directory();
        let path = directory.path().join("admin.sock");
        let (first, its_place) = open(&path, false);
        let second = Door::open(&path, false).expect_err("somebody listens");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        let _second = open(&path, true);
        // The first one's end does not take the second one's file.
        drop((first, its_place));
        assert!(is_listened_at(&path).expect("it is asked"));
    }

    #[tokio::test]
    async fn one_that_never_comes_to_take_over_changes_nothing() {
        let directory = directory();
        let path = directory.path().join("admin.sock");
        let _first = open(&path, false);
        let before = fs::symlink_metadata(&path).expect("it is there").ino();
        drop(Door::open(&path, true).expect("it opens"));
        assert_eq!(
            fs::symlink_metadata(&path).expect("it is there").ino(),
            before
        );
        let left = fs::read_dir(directory.path()).expect("the directory");
        assert_eq!(left.count(), 1);
    }

    #[tokio::test]
    async fn one_that_was_left_behind_is_replaced_and_a_file_is_not() {
        let directory = directory();
        let path = directory.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists());
        drop(open(&path, false));
        fs::write(&path, "kept").expect("a file");
        let error = Door::open(&path, true).expect_err("a file is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("still there"), "kept");
    }

    #[tokio::test]
    async fn the_longest_path_of_a_socket_will_do() {
        let directory = directory();
        let room = 107 - directory.path().as_os_str().len() - 1;
        let path = directory.path().join("s".repeat(room));
        let _door = open(&path, false);
        assert!(is_listened_at(&path).expect("it is asked"));
    }
}
