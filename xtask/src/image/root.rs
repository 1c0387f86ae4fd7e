//! What is in the image.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::machine::Machine;
use crate::dist::release::Release;
use crate::dist::stage::{compress, mode, put, seal};
use crate::dist::{libraries, licenses};

/// Where the program is.
pub(super) const BINARY: &str = "usr/bin/egress";

/// Debian's bundle of authorities, where programs look for it.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// What is mounted over, or written to.
const PLACES: [&str; 4] = ["etc/egress", "run/egress", "tmp", "var/log/egress"];

/// Puts everything below `root`.
pub(super) fn fill(root: &Path, binary: &Path, machine: Machine, release: &Release) -> Result<()> {
    put(root, BINARY, b"")?;
    // What only a debugger reads is most of it.
    let mut strip = machine.tool("strip");
    strip.arg("--strip-debug").arg("-o").arg(root.join(BINARY));
    command::run(strip.arg(binary))?;
    mode(&root.join(BINARY), 0o755)?;

    let needs = libraries::needs(machine.tool("objdump"), binary)?;
    for name in needs.libraries() {
        let from = machine.library(name)?;
        let to = if machine.linker().ends_with(name) {
            machine.linker().to_owned()
        } else {
            format!("{}/{name}", machine.libraries())
        };
        bring(root, &from, &to)?;
        mode(&root.join(to), 0o755)?;
    }
    // It is not among what every binary says that it needs.
    let linker = Path::new(machine.linker());
    let name = linker.file_name().unwrap_or_default().to_string_lossy();
    bring(root, &machine.library(&name)?, machine.linker())?;
    mode(&root.join(machine.linker()), 0o755)?;

    bring(root, &Path::new("/").join(ROOTS), ROOTS)
        .context("install ca-certificates, whose bundle goes into the image")?;
    let page = licenses::page(&machine.target(), Some(crate::gateway::ON_DEMAND))?;
    compress(&put(
        root,
        "usr/share/doc/egress/third-party-licenses",
        page.as_bytes(),
    )?)?;
    for place in PLACES {
        fs::create_dir_all(root.join(place))?;
    }
    seal(root, release)?;
    mode(&root.join("tmp"), 0o1777)
}

/// Copies a file, and not a link to it.
fn bring(root: &Path, from: &Path, to: &str) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    put(root, to, &bytes)?;
    Ok(())
}
