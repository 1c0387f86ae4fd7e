//! Tools of Python's that `tests/requirements.txt` lists, and `cargo xtask test` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command;

/// Where they are, below `target/`.
pub const PYTHON_TOOLS: &str = "tools/python";

/// A command for one of them.
pub fn python_tool(name: &str) -> Result<Command> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let tool: PathBuf = target.join(PYTHON_TOOLS).join("bin").join(name);
    tool.is_file()
        .then(|| command::system(&tool.to_string_lossy()))
        .with_context(|| {
            format!(
                "no {}: `cargo xtask test` installs it first",
                tool.display()
            )
        })
}
