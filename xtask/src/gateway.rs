//! Building the gateway with its kernel programs inside.

use std::path::PathBuf;

use anyhow::Result;
use egress_tests::command;

use crate::build_ebpf;
use crate::workspace::{cargo, say, target};

/// Builds the object, then the gateway that embeds it, to where the testbed looks for it.
pub(crate) fn build() -> Result<()> {
    compile(&[])
}

/// As [`build`], with what is built only on demand.
pub(crate) fn build_whole() -> Result<()> {
    compile(&["--features", "k8s,otel"])
}

/// As [`build`], as it is shipped; gives the binary.
pub(crate) fn build_release() -> Result<PathBuf> {
    compile(&["--release"])?;
    Ok(target("release/egress"))
}

fn compile(options: &[&str]) -> Result<()> {
    build_ebpf::object(false)?;
    say("building the gateway");
    let mut build = cargo();
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "egress-userspace",
        "--target-dir",
    ]);
    // Whatever target directory the user's settings name.
    command::run(build.arg(target("")).args(options))
}
