//! `cargo xtask build-ebpf`: the kernel programs, from source, to `target/bpf/egress.o`.
//!
//! The result is the same byte for byte on any machine with the same compiler: no path of the machine
//! gets into it. `--check-reproducible` shows that.

mod compile;
mod linker;
mod reproducible;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::workspace::{root, say, target};
pub(crate) use compile::inherited;
use compile::{Compile, compile};
pub(crate) use toolchain::Toolchain;

/// How to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Trace lines through aya-log, for work on the programs themselves
    #[arg(long)]
    debug_log: bool,
    /// Build twice from nothing, in two places, and compare
    #[arg(long, conflicts_with = "debug_log")]
    check_reproducible: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check_reproducible {
        return reproducible::check();
    }
    let object = object(args.debug_log)?;
    println!("{}", object.display());
    Ok(())
}

/// Builds the object where the gateway's build script looks for it; gives its path.
pub(crate) fn object(debug_log: bool) -> Result<PathBuf> {
    let toolchain = Toolchain::choose()?;
    let linker = linker::ensure()?;
    say(&format!("building the kernel programs with {toolchain}"));
    let built = compile(&Compile {
        toolchain: &toolchain,
        linker: &linker,
        source: &root(),
        target_dir: &target("bpf-build"),
        debug_log,
    })?;
    let object = target("bpf/egress.o");
    put(&built, &object)?;
    Ok(object)
}

/// Copies a file if it differs, so that what depends on it is not built again for nothing.
fn put(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // By a rename: a build that reads it meanwhile sees the old one or the new one.
    let next = to.with_extension("next");
    fs::write(&next, new).with_context(|| format!("cannot write {}", next.display()))?;
    fs::rename(&next, to).with_context(|| format!("cannot make {}", to.display()))
}
