//! Tools of Python's that the tests check with, in a directory of their own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use egress_tests::{PYTHON_TOOLS, command};

use crate::install;
use crate::workspace::{root, say, target};

/// Every tool with what it needs, each with its version and its sum.
const REQUIREMENTS: &str = "tests/requirements.txt";

/// Makes sure that they are there as they are listed. Asks the network only if they are not.
pub(crate) fn tools() -> Result<()> {
    let listed = fs::read(root().join(REQUIREMENTS))
        .with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let place = target(PYTHON_TOOLS);
    // What is written last says that all before it was done.
    let stamp = place.join("requirements.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == listed) {
        return Ok(());
    }
    say(&format!("installing what {REQUIREMENTS} lists (pip)"));
    environment(&place)?;
    let mut pip = command::system(&place.join("bin/pip").to_string_lossy());
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--requirement"]);
    pip.arg(root().join(REQUIREMENTS)).stdout(std::io::stderr());
    command::run(&mut pip)?;
    fs::write(&stamp, listed).with_context(|| format!("cannot write {}", stamp.display()))
}

fn environment(place: &Path) -> Result<()> {
    let has_venv = command::stdout(command::system("python3").args(["-c", "import ensurepip"]));
    if has_venv.is_err() {
        install::packages_for("the tests check with tools of Python's", &["python3-venv"])?;
    }
    let mut venv = command::system("python3");
    command::run(venv.args(["-m", "venv", "--clear"]).arg(place))
}
