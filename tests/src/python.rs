//! A Python that does what a test tells it, step by step, in the place of a client or a server.
//!
//! A test that has one at each end of a connection sees what both see, in an order that it chooses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Reads requests and answers them; has the words that requests are made of.
const SCRIPT: &str = include_str!("scripts/session.py");

/// A running Python. Dropping it kills it.
#[derive(Debug)]
pub struct Python {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts one; `python` is a command for the program, in its place.
    pub(crate) fn start(mut python: Command) -> Result<Self> {
        let mut child = python
            .args(["-u", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("Python was started without pipes");
        };
        Ok(Self {
            child,
            requests,
            answers: BufReader::new(answers),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs statements; an exception is an error.
    pub fn run(&mut self, program: &str) -> Result<()> {
        self.begin(program)?;
        let answer = self.receive()?;
        match answer.get("trace") {
            None => Ok(()),
            Some(trace) => bail!("`{program}`: {}", text(trace)),
        }
    }

    /// The value of an expression as text; of one that raises an exception, the exception's name.
    pub fn ask(&mut self, expression: &str) -> Result<String> {
        self.begin(expression)?;
        self.answer()
    }

    /// Asks, without waiting for the answer.
    pub fn begin(&mut self, expression: &str) -> Result<()> {
        let request = Value::from(expression);
        writeln!(self.requests, "{request}").context("Python has ended")
    }

    /// Waits for the answer to what was begun.
    pub fn answer(&mut self) -> Result<String> {
        let answer = self.receive()?;
        let said = answer.get("error").or_else(|| answer.get("value"));
        Ok(said.map(text).unwrap_or_default())
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("Python says nothing")?;
        serde_json::from_str(&line).with_context(|| format!("Python said {line:?}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A value as text: a string without its quotes.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}
