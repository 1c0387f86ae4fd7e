//! `egress schema`: the JSON schema of the configuration, for editors.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config;

/// Prints the schema.
pub fn schema() -> ExitCode {
    let written = std::io::stdout()
        .lock()
        .write_all(config::schema().as_bytes());
    // Nobody is left to tell if standard output is closed.
    written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
