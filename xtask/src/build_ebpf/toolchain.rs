//! Which compiler builds the kernel programs.
//!
//! The target has no prebuilt `core`, so `core` is built too: that takes its source, and a compiler
//! that allows `-Z build-std`. A stable rustup toolchain has neither.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;

use crate::install;
use crate::workspace::{say, target};

/// The LLVM that bpf-linker 0.10 is made for. It loads the compiler's own library at run time, and
/// reads only bitcode that is no newer.
const LLVM: &str = "libLLVM.so.22";

/// Debian keeps a newer compiler for its browsers beside the release's own.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Where `core`'s source is, below a sysroot.
const CORE: &str = "lib/rustlib/src/rust/library/core/Cargo.toml";

/// A compiler with the source of `core`.
#[derive(Debug)]
pub(crate) struct Toolchain {
    name: String,
    kind: Kind,
    /// The toolchain's root.
    pub(crate) sysroot: PathBuf,
    /// The directory of the LLVM library that the linker loads.
    llvm: PathBuf,
}

#[derive(Debug, PartialEq)]
enum Kind {
    /// A nightly of rustup's.
    Rustup,
    /// Debian's, which `RUSTC_BOOTSTRAP` makes take what only a nightly would.
    Debian,
}

impl Toolchain {
    /// A rustup nightly that has all it needs; else Debian's, installed if it is not there.
    pub(crate) fn choose() -> Result<Self> {
        if let Some(nightly) = rustup_toolchains()
            .iter()
            .find_map(|name| rustup_nightly(name))
        {
            return Ok(nightly);
        }
        if !debian_is_complete() {
            install::packages_for(
                "building the kernel programs takes a rustup nightly with rust-src (`rustup toolchain install \
                 nightly --component rust-src`) or Debian's rustc-web",
                &DEBIAN_PACKAGES,
            )?;
        }
        Ok(Self {
            name: command::stdout(Command::new("/usr/bin/rustc").arg("--version"))?
                .trim()
                .into(),
            kind: Kind::Debian,
            sysroot: "/usr".into(),
            llvm: debian_llvm()?,
        })
    }

    /// This toolchain's cargo.
    pub(crate) fn cargo(&self) -> PathBuf {
        self.sysroot.join("bin/cargo")
    }

    /// An environment where this toolchain is the one that is found.
    pub(crate) fn set_environment(&self, cargo: &mut Command) {
        let mut path = self.sysroot.join("bin").into_os_string();
        path.extend([":".into(), command::search_path()]);
        cargo.env("PATH", path).env("LD_LIBRARY_PATH", &self.llvm);
        if self.kind == Kind::Debian {
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The names of rustup's toolchains; none without rustup.
fn rustup_toolchains() -> Vec<String> {
    command::stdout(Command::new("rustup").args(["toolchain", "list"]))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(Into::into)
        .collect()
}

fn sysroot_of(toolchain: &str) -> Option<PathBuf> {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", toolchain, "rustc", "--print", "sysroot"]);
    command::stdout(&mut rustc)
        .ok()
        .map(|path| path.trim().into())
}

/// A nightly that has `core`'s source and the right LLVM; says why not where it has only the first.
fn rustup_nightly(name: &str) -> Option<Toolchain> {
    let sysroot = name
        .starts_with("nightly")
        .then(|| sysroot_of(name))
        .flatten()?;
    let llvm = sysroot.join("lib");
    if !sysroot.join(CORE).is_file() {
        return None;
    }
    if llvm_in(&llvm).is_none() {
        say(&format!(
            "not using {name}: it has no {LLVM}, which the BPF linker takes"
        ));
        return None;
    }
    Some(Toolchain {
        name: name.into(),
        kind: Kind::Rustup,
        sysroot,
        llvm,
    })
}

fn debian_is_complete() -> bool {
    ["/usr/bin/rustc", "/usr/bin/cargo"]
        .iter()
        .all(|path| Path::new(path).is_file())
        && Path::new("/usr").join(CORE).is_file()
}

/// A directory with nothing but the LLVM of Debian's compiler: beside it lie those of other
/// versions, and the linker would take the first it finds.
fn debian_llvm() -> Result<PathBuf> {
    let libraries = PathBuf::from(format!("/usr/lib/{}-linux-gnu", env::consts::ARCH));
    let name = llvm_in(&libraries).with_context(|| {
        format!(
            "{} has no {LLVM}, which the BPF linker loads",
            libraries.display()
        )
    })?;
    let dir = target("tools/llvm");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let link = dir.join(&name);
    if !link.exists() {
        symlink(libraries.join(&name), &link)
            .with_context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(dir)
}

/// The name of the LLVM library in a directory.
fn llvm_in(dir: &Path) -> Option<OsString> {
    let names = dir
        .read_dir()
        .ok()?
        .flatten()
        .map(|entry| entry.file_name());
    names
        .into_iter()
        .find(|name| name.to_string_lossy().starts_with(LLVM))
}
