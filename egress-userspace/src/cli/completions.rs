//! `egress completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use clap_complete::{Shell, generate};

use super::help::{command, print};

/// Prints the script.
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    generate(shell, &mut command(), "egress", &mut script);
    print(&String::from_utf8_lossy(&script))
}
