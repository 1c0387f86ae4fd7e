//! What a measurement runs, built as it is shipped.

use std::path::PathBuf;

use anyhow::Result;
use egress_tests::command;

use crate::workspace::{cargo, target};

/// An example of the gateway's package; gives its binary.
pub(super) fn example(name: &str) -> Result<PathBuf> {
    build("egress-userspace", ["--example", name])?;
    Ok(target("release/examples").join(name))
}

/// A package's binary of this name.
pub(super) fn binary(package: &str, name: &str) -> Result<PathBuf> {
    build(package, ["--bin", name])?;
    Ok(target("release").join(name))
}

fn build(package: &str, what: [&str; 2]) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--release"]);
    build.args(["--package", package]).args(what);
    // Whatever target directory the user's settings name.
    command::run(build.arg("--target-dir").arg(target("")))
}
