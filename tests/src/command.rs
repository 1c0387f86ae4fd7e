//! Running a program to its end, with errors that say what was run and what it answered.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

/// Where a distribution keeps its programs. They come first, so that a testbed runs those and not a
/// version manager's shims, and so that root's tools are found without root's login shell.
const SYSTEM_DIRS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A command that finds its program in the system's directories first.
pub fn system(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command.env("PATH", search_path());
    command
}

/// The file that [`system`] runs for a name, if there is one.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// The system's directories, then the caller's own path.
pub fn search_path() -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let dirs = SYSTEM_DIRS
        .iter()
        .map(PathBuf::from)
        .chain(env::split_paths(&own));
    // A directory with a colon in its name cannot have come out of a split path.
    env::join_paths(dirs).unwrap_or(own)
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Runs to the end with the caller's own output; an error if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs to the end and gives what it wrote to standard output; an error if it fails.
pub fn stdout(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}\n{}{}",
            line(command),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end and gives all that came of it, success or not.
pub fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("cannot start `{}`", line(command)))
}

/// The command as a person would type it; quoted only where a reader needs it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.contains(char::is_whitespace) {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_run_and_what_it_wrote() {
        let mut command = system("sh");
        command.args(["-c", "echo the reason >&2; exit 3"]);
        let error = stdout(&mut command)
            .expect_err("exit 3 is a failure")
            .to_string();
        assert!(
            error.contains("sh -c 'echo the reason >&2; exit 3'"),
            "{error}"
        );
        assert!(
            error.contains("exit status: 3") && error.contains("\nthe reason"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut system("no-such-program-anywhere")).expect_err("it is not there");
        assert!(
            error
                .to_string()
                .contains("cannot start `no-such-program-anywhere`"),
            "{error}"
        );
    }
}
