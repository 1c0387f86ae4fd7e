//! The tarball: the files where they are installed, and their sums.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use egress_tests::command;

use super::release::Release;
use super::stage::{put, seal};
use crate::workspace::root;

/// Packs what is below `staged`; gives the tarball.
pub(super) fn make(
    staged: &Path,
    scratch: &Path,
    out: &Path,
    release: &Release,
    fast: bool,
) -> Result<PathBuf> {
    let name = release.name();
    let dir = scratch.join(&name);
    command::run(command::system("cp").arg("-a").args([staged, &dir]))?;
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        put(&dir, license, &fs::read(root().join(license))?)?;
    }
    let files = seal(&dir, release)?;
    let mut sums = command::system("sha256sum");
    let sums = command::stdout(sums.current_dir(&dir).args(&files))?;
    put(&dir, "SHA256SUMS", sums.as_bytes())?;
    seal(&dir, release)?;

    let tarball = out.join(format!("{name}.tar"));
    let mut tar = command::system("tar");
    tar.args(["--create", "--sort=name", "--format=gnu"]);
    tar.args(["--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", release.time));
    tar.arg("--file").arg(&tarball);
    command::run(tar.arg("--directory").arg(scratch).arg(&name))?;
    let level = if fast { "-1" } else { "-9" };
    let mut gzip = command::system("gzip");
    command::run(gzip.args([level, "--no-name", "--force"]).arg(&tarball))?;
    Ok(out.join(format!("{name}.tar.gz")))
}
