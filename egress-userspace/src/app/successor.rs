//! A gateway that takes the place of this one, and that this one has started: how a service is upgraded
//! whose manager knows of one process, and without a moment in which none serves.

use std::env;
use std::io;
use std::process::{Child, Command};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::{error, info, warn};

/// Says that it takes the place of another; once is enough.
const TAKE_OVER: &str = "--take-over";

/// Names the process that the watchdog is about, which the successor is not yet.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// How long a successor may take to take over. A registry of a million hosts and the programs take it seconds; on
/// a machine that is short of everything, many times that. One that hangs must not be in the way of another for ever.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// The successor, once SIGUSR1 has asked for one.
#[derive(Debug)]
pub(super) struct Successor {
    asked: Signal,
    child: Option<Child>,
    /// When it is ended, if it has not taken over.
    deadline: Option<Instant>,
}

impl Successor {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            asked: signal(SignalKind::user_defined1())?,
            child: None,
            deadline: None,
        })
    }

    /// Waits until one is asked for. Nothing is lost if the wait is abandoned.
    pub(super) async fn asked(&mut self) {
        if self.asked.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Starts the program that is now where this one was started from, with the same arguments. It says
    /// itself when it has taken over; until then all stays as it is.
    pub(super) fn start(&mut self) {
        if let Some(child) = &self.child {
            return warn!(pid = child.id(), "a successor is being started already");
        }
        let mut arguments = env::args_os();
        let Some(program) = arguments.next() else {
            return error!("cannot start a successor: nobody said what this program is");
        };
        let mut command = Command::new(&program);
        command
            .args(arguments.filter(|argument| argument != TAKE_OVER))
            .arg(TAKE_OVER)
            .env_remove(WATCHDOG_PID);
        match command.spawn() {
            Ok(child) => {
                info!(pid = child.id(), program = %program.display(), "started a successor");
                self.expect(child);
            }
            Err(error) => error!(%error, program = %program.display(), "cannot start a successor"),
        }
    }

    fn expect(&mut self, child: Child) {
        self.child = Some(child);
        self.deadline = Some(Instant::now() + START_DEADLINE);
    }

    /// Whether it has ended without having taken over: this gateway goes on. It is ended if it takes too long,
    /// unless it is the one that is `serving`, and about to say so; `None`: nobody knows.
    pub(super) fn failed(&mut self, serving: impl FnOnce() -> Option<u32>) -> bool {
        let Some(child) = &mut self.child else {
            return false;
        };
        match child.try_wait() {
            Ok(None) => {
                let late = self.deadline.is_some_and(|by| by <= Instant::now());
                if late && serving().is_some_and(|pid| pid != child.id()) {
                    error!(
                        pid = child.id(),
                        "the successor has not taken over within {START_DEADLINE:?}, and is ended"
                    );
                    self.deadline = None;
                    // An error means that it has ended by itself. That it has is seen at the next look.
                    child.kill().ok();
                }
                return false;
            }
            Ok(Some(status)) => error!(%status, "the successor has ended, this gateway goes on"),
            Err(error) => error!(%error, "the successor is lost, this gateway goes on"),
        }
        self.child = None;
        true
    }

    /// Its process id, if there is one.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it, if it has not taken over: its predecessor ends, and is not to be followed.
    pub(super) fn abandon(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended by itself.
            child.kill().and_then(|()| child.wait()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;

    use tokio::time::advance;

    use super::*;

    /// One that goes on for as long as its standard input is open.
    fn hanging() -> Child {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        cat.spawn().expect("a process")
    }

    #[tokio::test(start_paused = true)]
    async fn a_successor_that_hangs_is_ended_and_makes_room_for_another() {
        let mut successor = Successor::new().expect("a signal");
        successor.expect(hanging());
        let other = || Some(std::process::id());
        advance(START_DEADLINE / 2).await;
        assert!(!successor.failed(other));
        assert!(successor.deadline.is_some(), "too early");
        advance(START_DEADLINE / 2).await;
        assert!(!successor.failed(other));
        let child = successor.child.as_mut().expect("a child");
        // Closes its input, at which one that nobody has ended ends by itself.
        let status = child.wait().expect("its status");
        assert_eq!(status.signal(), Some(9), "{status}");
        assert!(successor.failed(other));
        assert_eq!(successor.pid(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_successor_that_serves_is_not_ended_however_late() {
        let mut successor = Successor::new().expect("a signal");
        successor.expect(hanging());
        let pid = successor.pid();
        advance(START_DEADLINE).await;
        for serving in [pid, None] {
            assert!(!successor.failed(|| serving));
        }
        let child = successor.child.as_mut().expect("a child");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"still here").expect("it reads");
        drop(input);
        let mut said = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        output.read_to_string(&mut said).expect("text");
        assert_eq!(said, "still here");
        successor.abandon();
    }
}
