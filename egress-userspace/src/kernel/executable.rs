//! Which program a process runs.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Mutex;

use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::Mode;

/// Processes that are remembered, each by a descriptor: more than those on a node that connect all the time.
const REMEMBERED: usize = 64;

static LINKS: [Mutex<Option<Seen>>; REMEMBERED] = [const { Mutex::new(None) }; REMEMBERED];

/// A process that was asked about lately.
struct Seen {
    pid: u32,
    /// Its link to its program. It is opened the second time that the process is asked about: most are asked about
    /// once, and to open costs more than to look.
    link: Option<OwnedFd>,
}

/// The program that a process runs now; `None`: there is no such process, or it may not be known.
///
/// It is read each time, for a process may run another program by now. What is remembered is the way there, which leads
/// to this process and to no later one that has its number.
pub(super) fn of(pid: u32) -> Option<PathBuf> {
    // Where another thread asks about the same process just now, nobody waits.
    let place = LINKS.get(pid as usize % REMEMBERED)?.try_lock();
    if let Ok(mut place) = place {
        match &mut *place {
            Some(seen) if seen.pid == pid => return seen.program(),
            other => *other = Some(Seen { pid, link: None }),
        }
    }
    fs::read_link(link(pid)).ok()
}

impl Seen {
    fn program(&mut self) -> Option<PathBuf> {
        if let Some(path) = self.link.as_ref().and_then(read) {
            return Some(path);
        }
        self.link = open_link(self.pid);
        self.link.as_ref().and_then(read)
    }
}

fn link(pid: u32) -> String {
    format!("/proc/{pid}/exe")
}

fn open_link(pid: u32) -> Option<OwnedFd> {
    let itself = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(link(pid).as_str(), itself, Mode::empty()).ok()
}

/// What an open link leads to (readlinkat(2), "empty path").
fn read(link: &OwnedFd) -> Option<PathBuf> {
    readlinkat(link, "").ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_a_process_runs_is_read_each_time() {
        // A shell that becomes another program when it is told to.
        let mut child = Command::new("/bin/bash")
            .args(["-c", "read && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let pid = child.id();
        let canonical = |path| Path::new(path).canonicalize().expect("a program");
        for _ in 0..3 {
            assert_eq!(of(pid), Some(canonical("/bin/bash")));
        }
        let (mut input, mut output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = (input.as_mut().expect("it"), output.as_mut().expect("it"));
        input.write_all(b"now\n.").expect("written");
        output.read_exact(&mut [0]).expect("it is cat by now");
        for _ in 0..3 {
            assert_eq!(of(pid), Some(canonical("/bin/cat")));
        }
        child.kill().expect("ended");
        child.wait().expect("ended");
        assert_eq!(of(pid), None);
    }

    #[test]
    fn one_that_has_the_place_of_another_is_not_taken_for_it() {
        let own = std::process::id();
        let program = std::env::current_exe().ok();
        assert_eq!(of(own), program);
        assert_eq!(of(own), program);
        // No process has this number: the kernel's largest is below 2^22.
        let other = (1 << 22) + own % 64;
        assert_eq!(of(other), None);
        assert_eq!(of(other), None);
        assert_eq!(of(own), program);
    }
}
