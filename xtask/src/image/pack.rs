//! From files to an image, by buildah.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::machine::Machine;
use crate::dist::release::Release;
use crate::workspace::root;

/// The recipe.
const CONTAINERFILE: &str = "deploy/image/Containerfile";

/// What is said of every image.
const ABOUT: [(&str, &str); 3] = [
    ("title", "egress"),
    ("description", "A transparent L4 egress gateway"),
    ("licenses", "MIT OR Apache-2.0"),
];

/// Makes the image of this name in the machine's own store, in the place of one of the same name.
pub(super) fn store(context: &Path, name: &str, machine: Machine, release: &Release) -> Result<()> {
    let id = |name: &str| {
        let mut inspect = buildah();
        inspect.args(["inspect", "--type=image", "--format={{.FromImageID}}", name]);
        command::stdout(&mut inspect).map(|id| id.trim().to_owned())
    };
    let before = id(name).ok();
    build(buildah(), context, name, machine, release)?;
    let made = id(name)?;
    if let Some(before) = before.filter(|before| *before != made) {
        // It stays if a container still runs of it, or another name is its.
        let _ = command::output(buildah().args(["rmi", &before]));
    }
    Ok(())
}

/// Makes the image, and an archive of it below `out`; gives the archive.
pub(super) fn archive(
    context: &Path,
    out: &Path,
    name: &str,
    machine: Machine,
    release: &Release,
) -> Result<PathBuf> {
    let stores = [context.join("storage"), context.join("run")];
    // Of its own, so that the machine's is as it was; without layers of file systems, which cannot be had everywhere.
    let own = || {
        let [storage, run] = &stores;
        let mut buildah = buildah();
        buildah.arg("--root").arg(storage).arg("--runroot").arg(run);
        buildah.arg("--storage-driver=vfs");
        buildah
    };
    build(own(), context, name, machine, release)?;
    let archive = out.join(format!("egress-{}-{}.tar", release.version, machine.name()));
    match fs::remove_file(&archive) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", archive.display()));
        }
        _ => {}
    }
    let mut push = own();
    push.args(["push", "--quiet", name]);
    command::run(push.arg(format!("oci-archive:{}:{name}", archive.display())))?;
    Ok(archive)
}

fn build(
    mut buildah: Command,
    context: &Path,
    name: &str,
    machine: Machine,
    release: &Release,
) -> Result<()> {
    buildah.args(["build", "--quiet", "--isolation=chroot", "--format=oci"]);
    // Nothing in the image tells when, and by which buildah, it was made.
    buildah.arg(format!("--timestamp={}", release.time));
    buildah.arg("--identity-label=false");
    buildah.args(["--os=linux", "--arch", machine.oci(), "--tag", name]);
    let created = release.date("+%Y-%m-%dT%H:%M:%SZ")?;
    let of_release = [
        ("version", release.version.as_str()),
        ("revision", release.commit.as_str()),
        ("created", created.as_str()),
    ];
    for (key, value) in ABOUT.into_iter().chain(of_release) {
        let label = format!("org.opencontainers.image.{key}={value}");
        buildah.args(["--label", &label]);
    }
    buildah.arg("--file").arg(root().join(CONTAINERFILE));
    command::run(buildah.arg(context).stdout(std::io::stderr()))
}

fn buildah() -> Command {
    let mut buildah = command::system("buildah");
    // Of networks, of which none is made here, it warns if they are half installed.
    buildah.arg("--log-level=error");
    buildah
}
