//! How a client tries something, and what it saw in one line.

use crate::bed::Testbed;
use crate::client::{Client, Outcome};
use anyhow::Result;

/// Status and peer after the body: the peer is whom curl takes itself to be connected to.
const CURL_SAYS: [&str; 2] = ["--write-out", " (%{http_code}, peer %{remote_ip})"];
/// The name of the file that a download is.
const FILE: &str = "download";

/// A client and what it does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attempt {
    /// curl with these arguments.
    Curl(&'static [&'static str]),
    /// A Python program.
    Python(&'static str),
    /// A shell script.
    Shell(&'static str),
    /// curl fetches this many random bytes from below a URL.
    Download { url: &'static str, bytes: u64 },
}

impl Attempt {
    /// Lets a client try, and gives what it saw.
    pub(super) fn make(self, bed: &Testbed, client: &Client) -> Result<String> {
        match self {
            Self::Curl(args) => Ok(last_words(&client.curl(&[&CURL_SAYS, args].concat())?)),
            Self::Python(program) => Ok(last_words(&client.python(program)?)),
            Self::Shell(script) => Ok(last_words(&client.shell(script)?)),
            Self::Download { url, bytes } => download(bed, client, url, bytes),
        }
    }
}

/// Fetches a new file and compares its checksum with the one on the server.
fn download(bed: &Testbed, client: &Client, url: &str, bytes: u64) -> Result<String> {
    let wanted = bed.offer(FILE, bytes)?;
    // The checksum goes to standard output and the number of bytes to standard error.
    let script =
        format!("curl -qsS --write-out '%{{stderr}}%{{size_download}}' {url}{FILE} | sha256sum");
    let Outcome { stdout, stderr, .. } = client.shell(&script)?;
    let sum = if stdout.starts_with(&wanted) {
        "SHA-256 as on the server"
    } else {
        "another SHA-256"
    };
    Ok(format!("{} bytes, {sum}", stderr.trim()))
}

/// What a client that succeeded wrote; of one that failed, the line that says why.
fn last_words(outcome: &Outcome) -> String {
    if outcome.succeeded() {
        return one_line(&outcome.stdout);
    }
    // curl explains below its first line; Python's last line is the exception.
    let mut lines = outcome
        .stderr
        .lines()
        .filter(|line| !line.trim().is_empty());
    let said = match lines.next() {
        Some(first) if first.starts_with("curl: ") => Some(first),
        first => lines.next_back().or(first),
    };
    said.map_or_else(|| outcome.text(), one_line)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stdout: &str, stderr: &str) -> String {
        last_words(&Outcome {
            status: Some(1),
            stdout: stdout.into(),
            stderr: stderr.into(),
        })
    }

    #[test]
    fn of_a_failure_the_line_with_the_reason_is_shown() {
        assert_eq!(
            failed(" (000, peer )", "curl: (35) the reason\nMore details\n"),
            "curl: (35) the reason"
        );
        assert_eq!(
            failed("", "Traceback:\n  File\nOSError: the reason\n"),
            "OSError: the reason"
        );
        assert_eq!(failed("only this", ""), "only this");
    }
}
