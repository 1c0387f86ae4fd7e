//! A gateway that takes the place of this one, and that this one has started: how a service is upgraded
//! whose manager knows of one process, and without a moment in which none serves.

use std::env;
use std::io;
use std::process::{Child, Command};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

/// Says that it takes the place of another; once is enough.
const TAKE_OVER: &str = "--take-over";

/// Names the process that the watchdog is about, which the successor is not yet.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// The successor, once SIGUSR1 has asked for one.
#[derive(Debug)]
pub(super) struct Successor {
    asked: Signal,
    child: Option<Child>,
}

impl Successor {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            asked: signal(SignalKind::user_defined1())?,
            child: None,
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
                self.child = Some(child);
            }
            Err(error) => error!(%error, program = %program.display(), "cannot start a successor"),
        }
    }

    /// Whether it has ended without having taken over: this gateway goes on.
    pub(super) fn failed(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return false;
        };
        match child.try_wait() {
            Ok(None) => return false,
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
