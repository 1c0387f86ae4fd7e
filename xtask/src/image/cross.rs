//! Building the gateway for another kind of machine than this one.
//!
//! rustup's toolchains come without the other's standard library, so that is built, too: by the compiler that builds the
//! kernel programs, which has the source.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::machine::Machine;
use crate::build_ebpf::{self, Toolchain};
use crate::gateway::ON_DEMAND;
use crate::workspace::{root, say, target};

/// Builds it as it is shipped; gives the binary.
pub(super) fn build(machine: Machine) -> Result<PathBuf> {
    // They are byte code, the same for every machine that is little-endian.
    build_ebpf::object(false)?;
    let toolchain = Toolchain::choose()?;
    say(&format!(
        "building the gateway for {} by {toolchain}",
        machine.name()
    ));
    let mut cargo = Command::new(toolchain.cargo());
    for name in build_ebpf::inherited() {
        cargo.env_remove(name);
    }
    toolchain.set_environment(&mut cargo);
    let triple = machine.target();
    let (own, shouted) = (
        triple.replace('-', "_"),
        triple.replace('-', "_").to_uppercase(),
    );
    let gcc = machine.tool_name("gcc");
    cargo
        .env(format!("CARGO_TARGET_{shouted}_LINKER"), &gcc)
        .env(format!("CC_{own}"), &gcc)
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--release"])
        .args(["--package", "egress-userspace", "--features", ON_DEMAND])
        .args(["--target", &triple, "-Z", "build-std=std,panic_unwind"])
        .arg("--target-dir")
        .arg(target("cross"));
    command::run(&mut cargo).with_context(|| {
        format!(
            "this machine cannot make programs for {}: where one is built already, give it with --binary",
            machine.name()
        )
    })?;
    Ok(target("cross").join(triple).join("release/egress"))
}
