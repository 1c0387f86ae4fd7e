//! The files that are shipped, in the places where they are installed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::crates::Crates;
use super::release::Release;
use super::{documents, licenses};
use crate::workspace::root;

/// Where documentation is.
pub(super) const DOC: &str = "usr/share/doc/egress";

/// Files of the repository, and where they are installed.
const COPIED: &[(&str, &str)] = &[
    ("deploy/debian/egress.toml", "etc/egress/egress.toml"),
    (
        "deploy/debian/preset",
        "usr/lib/systemd/system-preset/80-egress.preset",
    ),
    (
        "deploy/systemd/egress.service",
        "usr/lib/systemd/system/egress.service",
    ),
    (
        "config/egress.schema.json",
        "usr/share/egress/egress.schema.json",
    ),
];

/// What the binary prints for each shell, and where its package looks for it.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/egress"),
    ("zsh", "usr/share/zsh/vendor-completions/_egress"),
    ("fish", "usr/share/fish/vendor_completions.d/egress.fish"),
];

/// Puts everything below `root`.
pub(super) fn fill(root: &Path, binary: &Path, release: &Release) -> Result<()> {
    let bytes =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    put(root, "usr/bin/egress", &bytes(binary)?)?;
    mode(&root.join("usr/bin/egress"), 0o755)?;
    for (from, to) in COPIED {
        put(root, to, &bytes(&self::root().join(from))?)?;
    }
    for (shell, to) in COMPLETIONS {
        let script = command::stdout(Command::new(binary).args(["completions", shell]))?;
        put(root, to, script.as_bytes())?;
    }
    documents::fill(root)?;
    pages(root, binary, release)?;
    let licenses = put(
        root,
        &format!("{DOC}/third-party-licenses"),
        licenses::page(&Crates::of(&target(), None)?)?.as_bytes(),
    )?;
    compress(&licenses)
}

/// The machine that this is built on, and for.
fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// The manual, a directory for each section.
fn pages(root: &Path, binary: &Path, release: &Release) -> Result<()> {
    let manual = root.join("usr/share/man");
    let made = root.join("pages");
    let mut man = Command::new(binary);
    man.args(["man", "--date", &release.date("+%Y-%m-%d")?])
        .arg(&made);
    for page in command::stdout(&mut man)?.lines().map(Path::new) {
        let section = page.extension().unwrap_or_default().to_string_lossy();
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read(page)?;
        compress(&put(&manual, &format!("man{section}/{name}"), &text)?)?;
    }
    fs::remove_dir_all(&made).context("cannot remove what the pages were made in")
}

/// Writes a file that everyone may read, in directories that everyone may.
pub(crate) fn put(root: &Path, path: &str, bytes: &[u8]) -> Result<PathBuf> {
    let to = root.join(path);
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    mode(&to, 0o644)?;
    Ok(to)
}

/// With neither its name nor its time inside.
pub(crate) fn compress(path: &Path) -> Result<()> {
    command::run(command::system("gzip").args(["-9", "--no-name"]).arg(path))
}

pub(crate) fn mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// Gives all that is below a directory the release's time, and directories the mode that they are to have
/// whatever the umask was; gives the paths of the files, relative to it, in order.
pub(crate) fn seal(root: &Path, release: &Release) -> Result<Vec<String>> {
    let time = UNIX_EPOCH + Duration::from_secs(release.time);
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    let mut next = 0;
    while let Some(directory) = directories.get(next).cloned() {
        next += 1;
        mode(&directory, 0o755)?;
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                File::options()
                    .write(true)
                    .open(&path)?
                    .set_modified(time)?;
                let path = path.strip_prefix(root).unwrap_or(&path);
                files.push(path.to_string_lossy().into_owned());
            }
        }
    }
    for directory in directories {
        File::open(directory)?.set_modified(time)?;
    }
    files.sort_unstable();
    Ok(files)
}
