//! `cargo xtask dist`: what is shipped. A tarball and a Debian package, with the same files in both.
//!
//! Both are the same byte for byte for the same binary and the same time: files are sorted, and bear the
//! time of the commit, or of `SOURCE_DATE_EPOCH`.

pub(crate) mod crates;
mod deb;
mod documents;
pub(crate) mod libraries;
pub(crate) mod licenses;
pub(crate) mod release;
pub(crate) mod stage;
mod tarball;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::command;

use crate::workspace::{say, target};
use crate::{gateway, install};
use release::Release;

/// What to package.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Package this binary instead of building one as it is shipped
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where the results go [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Pack in a second instead of a minute: larger, for trying it out
    #[arg(long)]
    fast: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    tools()?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => gateway::build_release()?,
    };
    let out = args.out.clone().unwrap_or_else(|| target("dist"));
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    // What packs runs in other directories.
    let (binary, out) = (absolute(&binary)?, absolute(&out)?);
    let release = Release::of(&binary)?;
    let needs = libraries::needs(command::system("objdump"), &binary)?;
    say(&format!("egress {} needs {needs}", release.version));

    let scratch = out.join("stage");
    clear(&scratch)?;
    say("gathering what is shipped");
    let root = scratch.join("root");
    stage::fill(&root, &binary, &release)?;
    say("packing");
    let made = [
        tarball::make(&root, &scratch, &out, &release, args.fast)?,
        deb::make(&root, &out, &release, args.fast)?,
    ];
    clear(&scratch)?;
    for path in made {
        println!("{}", path.display());
    }
    Ok(())
}

/// What packs, beside the tools that every Debian has.
fn tools() -> Result<()> {
    for (program, package) in [("objdump", "binutils"), ("dpkg-shlibdeps", "dpkg-dev")] {
        if command::find(program).is_none() {
            install::packages_for(&format!("packages are made with {program}"), &[package])?;
        }
    }
    Ok(())
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))
}

pub(crate) fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
