//! A pipe to splice through.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

/// The largest that every user may have (`/proc/sys/fs/pipe-max-size`), and the cheapest: bulk through
/// pipes of a quarter of it cost a third more. A user without privileges gets 64 of them before
/// the kernel makes pipes of two pages (`/proc/sys/fs/pipe-user-pages-soft`).
pub(super) const CAPACITY: usize = 1024 * 1024;

/// Both ends, neither of which blocks.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    /// Opens a pipe with room for `capacity` bytes. The kernel shrinks the pipes of a user that has
    /// many; a small one is no better than a copy, and is an error.
    pub(super) fn open(capacity: usize) -> io::Result<Self> {
        let wanted = i32::try_from(capacity).map_err(|_| Errno::EINVAL)?;
        let (read, write) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        if fcntl(&write, FcntlArg::F_SETPIPE_SZ(wanted))? < wanted {
            return Err(Errno::ENOSPC.into());
        }
        Ok(Self { read, write })
    }

    /// Takes up to `count` bytes from a socket.
    pub(super) fn fill(&self, from: impl AsFd, count: usize) -> io::Result<usize> {
        Ok(splice(from, None, &self.write, None, count, flags())?)
    }

    /// Gives up to `count` bytes to a socket.
    pub(super) fn drain(&self, to: impl AsFd, count: usize) -> io::Result<usize> {
        Ok(splice(&self.read, None, to, None, count, flags())?)
    }
}

fn flags() -> SpliceFFlags {
    SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_has_the_room_that_was_asked_for() {
        let pipe = Pipe::open(CAPACITY).expect("a pipe");
        let room = fcntl(&pipe.read, FcntlArg::F_GETPIPE_SZ).expect("its size");
        assert_eq!(usize::try_from(room), Ok(CAPACITY));
    }

    #[test]
    fn a_pipe_that_cannot_have_that_room_is_refused() {
        // The kernel gives none of two gigabytes, whatever the process may do.
        Pipe::open((1 << 30) + 1).expect_err("too large");
    }
}
