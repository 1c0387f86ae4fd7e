//! One run of cargo for the BPF target.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::toolchain::Toolchain;

/// The target: BPF, little-endian, as every machine is that this runs on.
const TARGET: &str = "bpfel-unknown-none";

/// What to build, and where.
#[derive(Debug)]
pub(super) struct Compile<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) linker: &'a Path,
    pub(super) source: &'a Path,
    pub(super) target_dir: &'a Path,
    pub(super) debug_log: bool,
}

/// Builds; gives the path of the object.
pub(super) fn compile(job: &Compile<'_>) -> Result<PathBuf> {
    let mut cargo = Command::new(job.toolchain.cargo());
    for name in inherited() {
        cargo.env_remove(name);
    }
    job.toolchain.set_environment(&mut cargo);
    cargo
        .current_dir(job.source)
        .args([
            "build",
            "--locked",
            "--quiet",
            "--package",
            "egress-ebpf",
            "--profile",
            "bpf",
        ])
        .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
        .arg(job.target_dir)
        .args(job.debug_log.then_some("--features=debug-log"))
        .env("CARGO_ENCODED_RUSTFLAGS", rustc_flags(job)?);
    command::run(&mut cargo)?;
    Ok(job.target_dir.join(TARGET).join("bpf/egress-ebpf"))
}

/// Flags are joined by a character that no path has, rather than by spaces.
fn rustc_flags(job: &Compile<'_>) -> Result<OsString> {
    let rust = job.toolchain.sysroot.join("lib/rustlib/src/rust");
    // Debian has a link there; some of the compiler's paths go through it, some do not.
    let rust_itself = rust
        .canonicalize()
        .context("cannot find the source of `core`")?;
    let flags = [
        flag("-Clinker=", &[job.linker.as_os_str()]),
        // BTF tells the kernel the types of the maps and of the functions.
        "-Clink-arg=--btf".into(),
        remap(job.source, "/egress"),
        remap(&cargo_home()?.join("registry/src"), "/registry"),
        remap(&rust, "/rust"),
        remap(&rust_itself, "/rust"),
    ];
    Ok(flags.join(OsStr::new("\x1f")))
}

/// No path of this machine gets into the object.
fn remap(from: &Path, to: &str) -> OsString {
    flag(
        "--remap-path-prefix=",
        &[from.as_os_str(), "=".as_ref(), to.as_ref()],
    )
}

fn flag(name: &str, parts: &[&OsStr]) -> OsString {
    let mut flag = OsString::from(name);
    flag.extend(parts.iter().copied());
    flag
}

fn cargo_home() -> Result<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor a home directory is set")
}

/// What the cargo that runs this task has set for it, and what a user has set for other builds: the
/// object depends on nothing but its source.
pub(crate) fn inherited() -> impl Iterator<Item = OsString> {
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_for_other_builds(&name.to_string_lossy()))
}

fn is_for_other_builds(name: &str) -> bool {
    // Where the caches are, and how the network is reached.
    const KEPT: [&str; 5] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "RUSTUP_HOME",
    ];
    const DROPPED: [&str; 3] = ["CARGO", "RUST", "LD_LIBRARY_PATH"];
    DROPPED.iter().any(|p| name.starts_with(p)) && !KEPT.iter().any(|p| name.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_other_builds_stay_out_and_caches_stay() {
        for name in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(is_for_other_builds(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "PATH",
            "HOME",
        ] {
            assert!(!is_for_other_builds(name), "{name}");
        }
    }
}
