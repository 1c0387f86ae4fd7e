//! `cargo xtask image`: the gateway as a container image.
//!
//! The program is linked with glibc as in every other package, and has it beside itself: linked with it for good, it could
//! not look up users by name, as `from` does. The same files make the same image: it bears the time of the commit, or of
//! `SOURCE_DATE_EPOCH`.

mod cross;
mod debian;
mod machine;
mod pack;
mod root;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::command;

use crate::dist::release::Release;
use crate::dist::{absolute, clear};
use crate::workspace::{say, target};
use crate::{gateway, install};
use machine::Machine;

/// What the image is called in the machine's own store.
const DEV: &str = "localhost/egress:dev";

/// What to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Make localhost/egress:dev in this machine's store, quickly: of a program that is not optimised
    #[arg(long, conflicts_with_all = ["arch", "out"])]
    dev: bool,
    /// The kind of machine that the image is for [default: this one's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Machine>,
    /// Take this program instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where the result goes [default: target/image]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let here = Machine::here()?;
    let machine = args.arch.unwrap_or(here);
    tools(machine)?;
    let binary = match &args.binary {
        Some(binary) => absolute(binary)?,
        None if args.dev => gateway::build_whole()?,
        None if machine == here => gateway::build_image()?,
        None => cross::build(machine)?,
    };
    let release = if machine == here {
        Release::of(&binary)?
    } else {
        Release::of_workspace()?
    };
    let out = args.out.clone().unwrap_or_else(|| target("image"));
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let out = absolute(&out)?;
    // Two at a time do not meet.
    let context = out.join(format!("context-{}", std::process::id()));
    let made = make(&context, &out, &binary, machine, &release, args.dev);
    clear(&context)?;
    println!("{}", made?);
    Ok(())
}

/// Gives what is printed: where the image is.
fn make(
    context: &Path,
    out: &Path,
    binary: &Path,
    machine: Machine,
    release: &Release,
    dev: bool,
) -> Result<String> {
    say("gathering what is in the image");
    let bill = root::fill(&context.join("root"), binary, machine, release)?;
    say("packing");
    if dev {
        pack::store(context, DEV, machine, release)?;
        return Ok(DEV.to_owned());
    }
    let name = format!("localhost/egress:{}", release.version);
    let archive = pack::archive(context, out, &name, machine, release)?;
    let beside = archive.with_extension("cdx.json");
    fs::write(&beside, bill).with_context(|| format!("cannot write {}", beside.display()))?;
    say(&format!(
        "as {name}: podman load --input {}",
        archive.display()
    ));
    Ok(archive.display().to_string())
}

/// What builds and packs.
fn tools(machine: Machine) -> Result<()> {
    ensure!(
        command::is_root(),
        "images are made by root: of what belongs to root, in a store of root's"
    );
    let [compiler, library] = machine.packages();
    let needed = [
        ("buildah".to_owned(), vec!["buildah"]),
        (machine.tool_name("gcc"), vec![&*compiler, &*library]),
    ];
    for (program, packages) in needed {
        if command::find(&program).is_none() {
            install::packages_for(&format!("images are made with {program}"), &packages)?;
        }
    }
    Ok(())
}
