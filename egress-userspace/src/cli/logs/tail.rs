//! A file that grows.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// How often it is looked for more: nobody waits for it but until the end.
const PACE: Duration = Duration::from_millis(250);
/// How long a file that was moved away is read on after there are lines in the one that has its name: of several who
/// write, some open it later.
const GRACE: Duration = Duration::from_secs(2);

/// Reads a file, and what is added to it, until its time is over or SIGINT comes. A file that takes its place, as when
/// logs are rotated, is read after it; one that is emptied in its place is read from its beginning.
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    /// Bytes of the file that were read.
    at: u64,
    /// They end within a line.
    torn: bool,
    /// Since when nothing came to a file whose successor has lines.
    left: Option<Instant>,
    grace: Duration,
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
            at: 0,
            torn: false,
            left: None,
            grace: GRACE,
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

    /// Goes on at the beginning of the file if it is shorter than it was, or of the file that has its name now if that is
    /// another, and tells whether it does. One that is just away comes back.
    fn changed(&mut self) -> io::Result<bool> {
        let own = self.file.metadata()?;
        if own.is_file() && own.len() < self.at {
            self.file.rewind()?;
            self.at = 0;
            return Ok(true);
        }
        let Ok(now) = fs::metadata(&self.path) else {
            return Ok(false);
        };
        if (now.dev(), now.ino()) == (own.dev(), own.ino()) || !self.is_left(&now) {
            return Ok(false);
        }
        match File::open(&self.path) {
            Ok(file) => self.file = file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        self.at = 0;
        self.left = None;
        Ok(true)
    }

    /// Whether nobody writes to the file any more, as they write to the next one. At the end nobody waits for that.
    fn is_left(&mut self, next: &Metadata) -> bool {
        if self.over {
            return true;
        }
        if next.len() == 0 {
            return false;
        }
        let since = *self.left.get_or_insert_with(Instant::now);
        since.elapsed() >= self.grace
    }
}

impl Read for Tail {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.file.read(buf)?;
            if let Some(last) = buf.get(..length).and_then(<[u8]>::last) {
                self.at += length as u64;
                self.torn = *last != b'\n';
                self.left = None;
                return Ok(length);
            }
            let changed = self.changed()?;
            if changed
                && self.torn
                && let Some(first) = buf.first_mut()
            {
                // Half a line ends where its file does.
                *first = b'\n';
                self.torn = false;
                return Ok(1);
            }
            if !changed {
                if self.over {
                    return Ok(0);
                }
                self.wait()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;

    /// A log, and who reads it.
    struct Log {
        dir: TempDir,
        tail: Tail,
    }

    impl Log {
        fn new(text: &str, grace: Duration) -> Self {
            let dir = TempDir::new().expect("a directory");
            let path = dir.path().join("log");
            fs::write(&path, text).expect("it is written");
            let mut tail = Tail::open(&path, Duration::from_mins(1)).expect("it opens");
            tail.grace = grace;
            Self { dir, tail }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn add(&self, name: &str, text: &str) {
            let mut file = File::options();
            let file = file.append(true).create(true).open(self.path(name));
            let mut file = file.expect("it opens");
            file.write_all(text.as_bytes()).expect("it is added");
        }

        fn rotate(&self) {
            fs::rename(self.path("log"), self.path("log.1")).expect("it is moved");
            self.add("log", "");
        }

        fn next(&mut self) -> String {
            let mut buf = [0; 64];
            let length = self.tail.read(&mut buf).expect("it reads");
            String::from_utf8_lossy(buf.get(..length).expect("within")).into_owned()
        }
    }

    #[test]
    fn what_is_added_and_what_takes_its_place_is_read() {
        let mut log = Log::new("one\n", Duration::ZERO);
        assert_eq!(log.next(), "one\n");
        log.add("log", "two\n");
        assert_eq!(log.next(), "two\n");
        log.rotate();
        log.add("log.1", "three\n");
        log.add("log", "four\n");
        assert_eq!(log.next(), "three\n");
        assert_eq!(log.next(), "four\n");
    }

    #[test]
    fn a_file_is_read_on_while_its_successor_is_empty_and_for_a_while_after() {
        let mut log = Log::new("", Duration::from_mins(1));
        log.rotate();
        assert!(!log.tail.changed().expect("it is looked at"));
        assert_eq!(log.tail.left, None, "nobody writes to the next one yet");
        log.add("log", "two\n");
        assert!(!log.tail.changed().expect("it is looked at"));
        log.add("log.1", "one\n");
        assert_eq!(log.next(), "one\n");
        log.tail.grace = Duration::ZERO;
        assert_eq!(log.next(), "two\n");
    }

    #[test]
    fn at_the_end_the_successor_is_read_at_once() {
        let mut log = Log::new("one\n", Duration::from_mins(1));
        assert_eq!(log.next(), "one\n");
        log.rotate();
        log.add("log.1", "two\n");
        log.add("log", "three\n");
        log.tail.until = Instant::now();
        let mut rest = String::new();
        log.tail.read_to_string(&mut rest).expect("it ends");
        assert_eq!(rest, "two\nthree\n");
    }

    #[test]
    fn a_file_that_is_emptied_is_read_from_its_beginning_and_half_a_line_spoils_no_other() {
        let mut log = Log::new("one\ntwo, which is", Duration::ZERO);
        assert_eq!(log.next(), "one\ntwo, which is");
        let file = File::options().write(true).open(log.path("log"));
        file.and_then(|file| file.set_len(0))
            .expect("it is emptied");
        log.add("log", "three\n");
        assert_eq!(log.next(), "\n");
        assert_eq!(log.next(), "three\n");
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
