//! A file that grows.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// How often it is looked for more: nobody waits for it but until the end.
const PACE: Duration = Duration::from_millis(250);

/// Reads a file, and what is added to it, until its time is over or SIGINT comes. A file that takes its place,
/// as when logs are rotated, is read after it.
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    until: Instant,
    interrupted: SignalFd,
    over: bool,
}

impl Tail {
    /// From the file's beginning. SIGINT is for it alone from then on.
    pub(super) fn open(path: &Path, time: Duration) -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path)?,
            until: Instant::now() + time,
            interrupted: SignalFd::with_flags(&signals, flags)?,
            over: false,
        })
    }

    /// Waits a little, or to the end.
    fn wait(&mut self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        let mut interrupted = [PollFd::new(self.interrupted.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left.min(PACE)).unwrap_or(PollTimeout::ZERO);
        let came = poll(&mut interrupted, timeout)? > 0;
        // What was written until then is still read.
        self.over = came || left <= PACE;
        Ok(())
    }

    /// Goes on with the file that has its name now, if that is another. One that is just away comes back.
    fn changed(&mut self) -> io::Result<bool> {
        let Ok(now) = fs::metadata(&self.path) else {
            return Ok(false);
        };
        let before = self.file.metadata()?;
        if (now.dev(), now.ino()) == (before.dev(), before.ino()) {
            return Ok(false);
        }
        self.file = File::open(&self.path)?;
        Ok(true)
    }
}

impl Read for Tail {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.file.read(buf)?;
            if length > 0 || self.over {
                return Ok(length);
            }
            if !self.changed()? {
                self.wait()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_added_and_what_takes_its_place_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        fs::write(&path, "one\n").expect("it is written");
        let mut tail = Tail::open(&path, Duration::from_mins(1)).expect("it opens");
        let mut next = || {
            let mut buf = [0; 64];
            let length = tail.read(&mut buf).expect("it reads");
            String::from_utf8_lossy(buf.get(..length).expect("within")).into_owned()
        };
        assert_eq!(next(), "one\n");
        let mut file = File::options()
            .append(true)
            .open(&path)
            .expect("it is there");
        file.write_all(b"two\n").expect("it is added");
        assert_eq!(next(), "two\n");
        fs::rename(&path, dir.path().join("log.1")).expect("it is moved");
        fs::write(&path, "three\n").expect("another is made");
        assert_eq!(next(), "three\n");
    }

    #[test]
    fn it_ends_when_its_time_is_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        fs::write(&path, "one\n").expect("it is written");
        let mut tail = Tail::open(&path, Duration::ZERO).expect("it opens");
        let mut all = String::new();
        tail.read_to_string(&mut all).expect("it ends");
        assert_eq!(all, "one\n");
    }
}
