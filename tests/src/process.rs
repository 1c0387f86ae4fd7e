//! A process in the background that ends with its owner.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::command;
use crate::wait::wait_until;

/// A running process whose output goes to a file. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it; both of its outputs go to `log`.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let file = empty(log).with_context(|| format!("cannot make {}", log.display()))?;
        let name = command::line(command);
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        Ok(Self {
            child,
            name,
            log: log.into(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it is ready; an error with its output if it ends or takes too long.
    pub fn ready(&mut self, deadline: Duration, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let what = format!("`{}` is ready", self.name);
        let ended = wait_until(&what, deadline, || {
            if is_ready() {
                return Some(None);
            }
            self.child.try_wait().ok().flatten().map(Some)
        })
        .with_context(|| self.output())?;
        match ended {
            None => Ok(()),
            Some(status) => bail!("`{}` ended at once: {status}\n{}", self.name, self.output()),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).context("a process id is positive")?;
        signal::kill(Pid::from_raw(pid), signal)
            .with_context(|| format!("cannot send {signal} to `{}`", self.name))
    }

    /// Waits for its end.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let what = format!("`{}` ends", self.name);
        wait_until(&what, deadline, || self.child.try_wait().ok().flatten())
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(deadline)
    }
}

/// An empty file that is written at its end: one process may still write when the next begins it anew.
fn empty(log: &Path) -> io::Result<File> {
    File::create(log)?;
    File::options().append(true).open(log)
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
