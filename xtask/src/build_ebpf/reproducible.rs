//! Whether the object is the same when it is built from another checkout, from nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use egress_tests::command;

use super::compile::{Compile, compile};
use super::linker;
use super::toolchain::Toolchain;
use crate::workspace::{root, say, target};

/// Builds here and from a copy elsewhere, each into a fresh target directory, and compares.
pub(super) fn check() -> Result<()> {
    let toolchain = Toolchain::choose()?;
    let linker = linker::ensure()?;
    let scratch = target("reproducible");
    remove(&scratch)?;
    let elsewhere = scratch.join("another-checkout");
    copy_sources(&elsewhere)?;
    let build = |what: &str, source: &Path, target_dir: &str| {
        say(&format!(
            "building the kernel programs {what}, from nothing"
        ));
        let target_dir = scratch.join(target_dir);
        let job = Compile {
            toolchain: &toolchain,
            linker: &linker,
            source,
            target_dir: &target_dir,
            debug_log: false,
        };
        fs::read(compile(&job)?).context("cannot read the object")
    };
    let first = build("here", &root(), "first")?;
    let second = build("from another checkout", &elsewhere, "a/longer/path")?;
    if first != second {
        let at = first.iter().zip(&second).position(|(a, b)| a != b);
        bail!(
            "the two objects differ: {} and {} bytes, first at {at:?}; see {}",
            first.len(),
            second.len(),
            scratch.display()
        );
    }
    println!("reproducible: {} bytes, twice the same", first.len());
    remove(&scratch)
}

/// Every file that git knows or would add.
fn copy_sources(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    for file in command::stdout(&mut git)?.split_terminator('\0') {
        let (from, to) = (root().join(file), to.join(file));
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}
