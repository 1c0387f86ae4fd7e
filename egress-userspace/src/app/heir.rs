//! The gateway that has taken over from this one, while this one waits to be told to end.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// States of a process that has ended, as `/proc/PID/stat` has them (proc(5)).
const ENDED: [&str; 3] = ["Z", "X", "x"];

/// The gateway that serves in the place of this one, as it was seen last.
#[derive(Debug, Default)]
pub(super) struct Heir(Option<Seen>);

/// A process, told from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    pid: u32,
    /// When it was started, in ticks since the machine was.
    started: u64,
}

impl Heir {
    /// Whether the process that is `serving` has ended. It may be another than before: it took over in its turn.
    pub(super) fn is_gone(&mut self, serving: u32) -> bool {
        if is_over(serving) {
            return true;
        }
        let Some((state, started)) = stat(serving) else {
            // It is there, and cannot be looked at.
            return false;
        };
        let now = Seen {
            pid: serving,
            started,
        };
        let known = self.0.filter(|known| known.pid == serving);
        if ENDED.contains(&&*state) || known.is_some_and(|known| known != now) {
            return true;
        }
        self.0 = Some(now);
        false
    }
}

fn is_over(pid: u32) -> bool {
    let Ok(pid) = pid.try_into() else {
        return false;
    };
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

/// State and start of a process; `None`: it cannot be looked at.
fn stat(pid: u32) -> Option<(String, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may hold anything, in parentheses.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // The third and the twenty-second.
    Some((fields.next()?.into(), fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread::yield_now;

    use super::*;

    #[test]
    fn one_that_has_ended_is_gone_also_before_it_is_waited_for_and_when_another_has_its_number() {
        let mut heir = Heir::default();
        let mut cat = Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("a process");
        let pid = cat.id();
        assert!(!heir.is_gone(pid));
        assert!(!heir.is_gone(std::process::id()), "another took over");
        assert!(!heir.is_gone(pid));
        let other = heir.0.map(|seen| Seen { started: 0, ..seen });
        assert!(Heir(other).is_gone(pid), "another process");
        cat.kill().expect("it is there");
        while !heir.is_gone(pid) {
            yield_now();
        }
        cat.wait().expect("its status");
        assert!(heir.is_gone(pid));
    }
}
