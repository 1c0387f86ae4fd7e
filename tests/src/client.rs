//! Clients: real programs that know nothing of a gateway.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cgroups;
use crate::command;
use crate::place::Place;
use crate::process::Process;
use crate::python::Python;

/// Seconds until a client is ended. Nothing that is tried takes more than a few; a client that hangs
/// is a finding, and is reported as one.
const LIMIT: &str = "30";
/// What `timeout` exits with when it had to end its program.
const TIMED_OUT: i32 = 124;
/// Variables that would send a client another way than straight to its destination.
const PROXIES: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "HTTP_PROXY",
];

/// Runs programs in one place of the node, where the testbed's DNS answers and its authority is trusted.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
    ca: PathBuf,
}

/// What came of a client.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Client {
    pub(crate) fn new(place: Place, ca: &Path) -> Self {
        Self {
            place,
            ca: ca.into(),
        }
    }

    /// Runs curl to its end. It follows no user's settings and shows errors but no progress.
    pub fn curl(&self, args: &[&str]) -> Result<Outcome> {
        // --disable counts only as the first argument.
        self.run(
            "curl",
            &[&["--disable", "--silent", "--show-error"], args].concat(),
        )
    }

    /// Runs a Python program, given as text, to its end.
    pub fn python(&self, program: &str) -> Result<Outcome> {
        self.run("python3", &["-c", program])
    }

    /// Runs a shell script, given as text, to its end.
    pub fn shell(&self, script: &str) -> Result<Outcome> {
        self.run("sh", &["-c", script])
    }

    /// Runs any program to its end, or until [`LIMIT`].
    pub fn run(&self, program: &str, args: &[&str]) -> Result<Outcome> {
        let inner = self.command(program);
        let mut command = command::system("timeout");
        command
            .args(["--kill-after=1", LIMIT])
            .arg(inner.get_program())
            .args(inner.get_args())
            .args(args);
        self.set_environment(&mut command);
        let output = command::output(&mut command)?;
        Ok(Outcome {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A command for what needs more than [`Client::run`]; its process id is the client's own.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.place.command(program);
        self.set_environment(&mut command);
        command
    }

    /// Starts a Python program in the background, with its output in a file of this name.
    pub fn spawn_python(&self, program: &str, log: &Path) -> Result<Process> {
        // Unbuffered: who waits for a line sees it when it is written.
        Process::spawn(self.command("python3").args(["-u", "-c", program]), log)
    }

    /// Starts a Python that does as it is told.
    pub fn session(&self) -> Result<Python> {
        Python::start(self.command("python3"))
    }

    /// The cgroup as a `[[scope]]` and the access log name it: from the mount on.
    pub fn scope(&self) -> Result<String> {
        let mount = cgroups::mount_point()?;
        Ok(cgroups::below(&mount, self.cgroup()))
    }

    /// The directory of the cgroup that this client runs in.
    pub fn cgroup(&self) -> &Path {
        self.place.cgroup()
    }

    fn set_environment(&self, command: &mut Command) {
        // The first is OpenSSL's own, which Python and openssl follow; curl prefers the second.
        command
            .env("SSL_CERT_FILE", &self.ca)
            .env("CURL_CA_BUNDLE", &self.ca);
        // So that what they say can be compared.
        command.env("LC_ALL", "C.UTF-8");
        for name in PROXIES {
            command.env_remove(name);
        }
    }
}

impl Outcome {
    /// Whether it ended with status 0.
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// What it said, errors last, and how it ended if that was not well.
    pub fn text(&self) -> String {
        let said = format!("{} {}", self.stdout.trim(), self.stderr.trim());
        let said = said.trim();
        match self.status {
            Some(TIMED_OUT) => format!("{said} [hung for {LIMIT} s]"),
            None => format!("{said} [killed]"),
            Some(_) => said.into(),
        }
    }
}
