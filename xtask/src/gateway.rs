//! Building the gateway with its kernel programs inside.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use egress_tests::command;

use crate::build_ebpf;
use crate::workspace::{cargo, say, target};

/// What is built only on demand, and is in an image: who takes an image does not build.
pub(crate) const ON_DEMAND: &str = "egress-userspace/k8s,egress-userspace/otel";

/// Builds the object, then the gateway that embeds it, to where the testbed looks for it.
pub(crate) fn build() -> Result<()> {
    compile(&[])
}

/// As [`build`], with what is built only on demand; gives the binary.
pub(crate) fn build_whole() -> Result<PathBuf> {
    compile(&["--features", ON_DEMAND])?;
    Ok(target("debug/egress"))
}

/// As [`build`], as it is shipped; gives the binary.
pub(crate) fn build_release() -> Result<PathBuf> {
    compile(&["--release"])?;
    Ok(target("release/egress"))
}

/// As [`build_release`], with what is built only on demand; gives the binary.
pub(crate) fn build_image() -> Result<PathBuf> {
    compile(&["--release", "--features", ON_DEMAND])?;
    Ok(target("release/egress"))
}

fn compile(options: &[&str]) -> Result<()> {
    build_ebpf::object(false)?;
    say("building the gateway");
    command::run(cargo_build("").args(options))
}

/// Cargo, told to build the gateway to a directory below `target/`, whatever the user's settings name.
pub(crate) fn cargo_build(dir: &str) -> Command {
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked"]);
    build.args(["--package", "egress-userspace", "--target-dir"]);
    build.arg(target(dir));
    build
}
