//! bpf-linker, at the one version that fits, below `target/`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use egress_tests::command;

use crate::workspace::{cargo, say, target};

/// The last that loads the compiler's own LLVM 22; later ones want another, or to build their own.
const VERSION: &str = "0.10.3";

/// Gives the linker's path; builds it first where it is missing or of another version.
pub(crate) fn ensure() -> Result<PathBuf> {
    let root = target("tools");
    let linker = root.join("bin/bpf-linker");
    if is_wanted(&linker) {
        return Ok(linker);
    }
    say(&format!(
        "installing bpf-linker {VERSION} to {} (takes about a minute)",
        root.display()
    ));
    command::run(
        cargo()
            .args([
                "install",
                "--quiet",
                "bpf-linker",
                "--version",
                &format!("={VERSION}"),
            ])
            .args(["--locked", "--force", "--root"])
            .arg(&root),
    )?;
    Ok(linker)
}

fn is_wanted(linker: &PathBuf) -> bool {
    command::stdout(Command::new(linker).arg("--version"))
        .is_ok_and(|said| said.split_whitespace().any(|word| word == VERSION))
}
