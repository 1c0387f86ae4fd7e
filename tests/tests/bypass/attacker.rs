//! Attacks as processes: Python programs that say when they are ready and what they saw.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// One program that has all attacks and runs the one it is told.
const PROGRAM: &str = concat!(
    include_str!("attacks/kit.py"),
    include_str!("attacks/tcp.py"),
    include_str!("attacks/uring.py"),
    include_str!("attacks/udp.py"),
    include_str!("attacks/raw.py"),
    include_str!("attacks/origin.py"),
    include_str!("attacks/many.py"),
    "\nmain(sys.argv[1])\n"
);

/// An attack that is ready to begin. Dropping it ends it.
pub(crate) struct Attacker {
    child: Child,
    go: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Attacker {
    /// Starts one; `python` is a command for the program, in its place.
    pub(crate) fn start(mut python: Command, attack: &str) -> Result<Self> {
        let mut child = python
            .args(["-c", PROGRAM, attack])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        let (Some(go), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("Python was started without pipes");
        };
        Ok(Self {
            child,
            go,
            says: BufReader::new(says),
        })
    }

    /// Waits until it is ready.
    pub(crate) fn ready(&mut self) -> Result<()> {
        match self.line()?.as_str() {
            "ready" => Ok(()),
            said => bail!("the attack is not ready: {said:?}"),
        }
    }

    /// Lets it begin; one that goes on and on, end.
    pub(crate) fn tell(&mut self) -> Result<()> {
        writeln!(self.go).context("the attack has ended")
    }

    /// Waits for what it saw.
    pub(crate) fn saw(&mut self) -> Result<String> {
        let said = self.line()?;
        if said.is_empty() {
            let ended = self.child.wait()?;
            bail!("the attack said nothing, {ended}");
        }
        Ok(said.trim_start_matches("saw ").into())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim_end().into())
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
