//! What is in the image.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::debian::Package;
use super::machine::Machine;
use super::sbom;
use crate::dist::crates::Crates;
use crate::dist::release::Release;
use crate::dist::stage::{compress, mode, put, seal};
use crate::dist::{libraries, licenses};
use crate::gateway::ON_DEMAND;

/// Where the program is.
const BINARY: &str = "usr/bin/egress";

/// Where the bill of materials is.
const BILL: &str = "usr/share/doc/egress/sbom.cdx.json";

/// Debian's bundle of authorities, where programs look for it, and a file of the package that makes it.
const ROOTS: [&str; 2] = [
    "etc/ssl/certs/ca-certificates.crt",
    "usr/sbin/update-ca-certificates",
];

/// What is mounted over, or written to.
const PLACES: [&str; 3] = ["etc/egress", "run/egress", "var/log/egress"];

/// Puts everything below `root`; gives the bill of materials.
pub(super) fn fill(
    root: &Path,
    binary: &Path,
    machine: Machine,
    release: &Release,
) -> Result<String> {
    put(root, BINARY, b"")?;
    // What only a debugger reads is most of it.
    let mut strip = machine.tool("strip");
    strip.arg("--strip-debug").arg("-o").arg(root.join(BINARY));
    command::run(strip.arg(binary))?;
    mode(&root.join(BINARY), 0o755)?;
    let mut brought = libraries(root, binary, machine)?;
    let system = Path::new("/");
    let [roots, owner] = ROOTS;
    bring(root, &system.join(roots), roots)
        .context("install ca-certificates, whose bundle goes into the image")?;
    brought.push(system.join(owner));

    let crates = Crates::of(&machine.target(), Some(ON_DEMAND))?;
    let page = licenses::page(&crates)?;
    let page = put(
        root,
        "usr/share/doc/egress/third-party-licenses",
        page.as_bytes(),
    )?;
    compress(&page)?;
    let packages = Package::of(&brought)?;
    for package in &packages {
        let copyright = package.copyright();
        bring(root, &system.join(&copyright), &copyright.to_string_lossy())?;
    }
    let bill = sbom::bill(&crates, &packages, release)?;
    put(root, BILL, bill.as_bytes())?;
    for place in PLACES {
        fs::create_dir_all(root.join(place))?;
    }
    seal(root, release)?;
    Ok(bill)
}

/// Brings what the program is linked with, each to where the dynamic linker looks for it, and that linker; gives where
/// they are of.
fn libraries(root: &Path, binary: &Path, machine: Machine) -> Result<Vec<PathBuf>> {
    let needs = libraries::needs(machine.tool("objdump"), binary)?;
    let linker = Path::new(machine.linker());
    let linker = linker.file_name().unwrap_or_default().to_string_lossy();
    let others = needs.libraries().iter().filter(|name| **name != linker);
    let mut brought = Vec::new();
    for (name, to) in others
        .map(|name| (name.as_str(), format!("{}/{name}", machine.libraries())))
        .chain([(&*linker, machine.linker().to_owned())])
    {
        let from = machine.library(name)?;
        bring(root, &from, &to)?;
        mode(&root.join(to), 0o755)?;
        brought.push(from);
    }
    Ok(brought)
}

/// Copies a file, and not a link to it.
fn bring(root: &Path, from: &Path, to: &str) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    put(root, to, &bytes)?;
    Ok(())
}
