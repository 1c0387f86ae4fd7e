//! Installing Debian packages that a task needs, or saying how to.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use egress_tests::{NEEDED, NEEDED_BY_NODES, NEEDED_BY_TESTS, Needed, command};

use crate::workspace::say;

/// Makes sure that all programs of the testbed are there. Asks the network only if one is not.
pub(crate) fn testbed() -> Result<()> {
    programs("the testbed runs", NEEDED)
}

/// Makes sure that all programs of the tests are there, those of the testbed among them.
pub(crate) fn tests() -> Result<()> {
    let all = [NEEDED, NEEDED_BY_NODES, NEEDED_BY_TESTS].concat();
    programs("the tests run", &all)
}

fn programs(who: &str, needed: &[Needed]) -> Result<()> {
    let missing: Vec<_> = needed
        .iter()
        .filter(|needed| !needed.is_present())
        .collect();
    let mut packages: Vec<_> = missing.iter().map(|needed| needed.package).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|needed| needed.program).collect();
    packages_for(&format!("{who} {}", programs.join(", ")), &packages)
}

/// Installs packages as root on Debian; anywhere else names the command that would.
pub(crate) fn packages_for(why: &str, packages: &[&str]) -> Result<()> {
    let install = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if !command::is_root() || command::find("apt-get").is_none() {
        bail!(
            "{why}, and that is not installed. On Debian, as root:\n\n    apt-get update && {install}\n"
        );
    }
    say(&format!(
        "{why}: installing {} (apt-get)",
        packages.join(", ")
    ));
    apt(&["update", "-qq"])?;
    apt(&[
        &["install", "-y", "-qq", "--no-install-recommends"],
        packages,
    ]
    .concat())
    .with_context(|| format!("cannot install what is missing; by hand: {install}"))
}

fn apt(args: &[&str]) -> Result<()> {
    let mut apt: Command = command::system("apt-get");
    // Its report goes to standard error: standard output is for the task's result.
    apt.arg("-o=Dpkg::Use-Pty=0")
        .args(args)
        .stdout(std::io::stderr());
    // RUNLEVEL: the packages' scripts then start no service, such as nginx's.
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1");
    command::run(&mut apt)
}
