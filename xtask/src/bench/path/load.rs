//! Running `egress-load` in a place of the testbed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use egress_tests::{Client, command};
use serde_json::Value;

use super::tools;

/// Seconds beyond a load's own until it is ended: a relay that hangs is a finding, and is reported.
const GRACE: u32 = 20;

/// A load that is to run: where, and how.
#[derive(Debug)]
pub(super) struct Generator<'a> {
    client: &'a Client,
    address: SocketAddr,
}

impl<'a> Generator<'a> {
    pub(super) fn new(client: &'a Client, address: SocketAddr) -> Self {
        Self { client, address }
    }

    /// Runs a load of so many seconds to its end, and gives what it counted.
    pub(super) fn run(&self, load: &str, seconds: u32, more: &[&str]) -> Result<Value> {
        finish(self.start(load, seconds, more)?)
    }

    /// Starts one that [`finish`] waits for.
    pub(super) fn start(&self, load: &str, seconds: u32, more: &[&str]) -> Result<Child> {
        let seconds_text = seconds.to_string();
        let mut command = self.command(load, seconds + GRACE);
        command.args(["--seconds", &seconds_text]).args(more);
        spawn(&mut command)
    }

    /// Whether a connection that names a host of this domain gets its answer.
    pub(super) fn is_answered(&self, domain: &str) -> Result<bool> {
        let mut command = self.command("connections", GRACE);
        command.args(["--clients", "1", "--most", "1", "--domain", domain]);
        Ok(command::output(&mut command)?.status.success())
    }

    /// Opens so many connections and holds them until the guard is dropped.
    pub(super) fn hold(&self, connections: usize) -> Result<Held> {
        let mut command = self.client.command(&tools::load().to_string_lossy());
        command.args(["idle", &self.address.to_string()]);
        command.args(["--connections", &connections.to_string()]);
        let mut child = spawn(command.stdin(Stdio::piped()))?;
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let held = Held(child);
        ensure!(
            line.contains("holding"),
            "the load could not open {connections} connections"
        );
        Ok(held)
    }

    /// A load as a command, which is ended after so many seconds.
    pub(super) fn command(&self, load: &str, limit: u32) -> Command {
        let inner = self.client.command(&tools::load().to_string_lossy());
        let mut command = command::system("timeout");
        command
            .args(["--kill-after=1", &limit.to_string()])
            .arg(inner.get_program())
            .args(inner.get_args())
            .args([load, &self.address.to_string()]);
        command
    }
}

/// Connections that are open and idle.
#[derive(Debug)]
pub(super) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input has it close them all.
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

/// Waits for the end of a load; an error if a single byte went wrong.
pub(super) fn finish(child: Child) -> Result<Value> {
    let output = child.wait_with_output().context("cannot wait for a load")?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!(
            "the load failed: {}: {}{}",
            output.status,
            stdout,
            stderr.trim()
        );
    }
    serde_json::from_str(&stdout).with_context(|| format!("the load said: {stdout}"))
}

/// A number of what a load counted.
pub(super) fn number(said: &Value, pointer: &str) -> Result<f64> {
    said.pointer(pointer)
        .and_then(Value::as_f64)
        .with_context(|| format!("no {pointer} in {said}"))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", command::line(command)))
}
