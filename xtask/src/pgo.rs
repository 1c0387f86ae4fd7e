//! `cargo xtask pgo`: the gateway built by a profile of its own work (profile-guided optimisation). What runs for
//! each connection is inlined and stands together; what rarely runs stands apart, and is small.
//!
//! A build that counts is put under the loads of `bench`, and what it has counted guides the next one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use egress_tests::command;

use crate::workspace::{root, say, target};
use crate::{bench, build_ebpf, gateway, install};

/// How long each load runs, in seconds: tens of thousands of connections, which differ little.
const SECONDS: u32 = 4;

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// With what is built only on demand: the features k8s and otel, as in an image
    #[arg(long)]
    whole: bool,
}

/// Prints where the binary is.
pub(crate) fn main(args: &Args) -> Result<()> {
    let options: &[_] = if args.whole {
        &["--features", gateway::ON_DEMAND]
    } else {
        &[]
    };
    println!("{}", build(options)?.display());
    Ok(())
}

/// What has been counted is counted again only when the build that counts is another.
fn build(options: &[&str]) -> Result<PathBuf> {
    // What stands in the way of counting is told before anything is built.
    bench::prepare("pgo")?;
    let rustc = Rustc::ask()?;
    let merge = rustc.profdata()?;
    build_ebpf::object(false)?;
    let raw = target("pgo/raw");
    say("building the gateway so that it counts");
    let flags = format!("-Cprofile-generate={}", raw.display());
    let counting = compile("pgo/counting", &flags, options, &rustc)?;
    let profile = target("pgo/egress.profdata");
    if is_older(&profile, &counting)? {
        say("counting what it runs under the loads of `cargo xtask bench`");
        count(&counting, &raw)?;
        let mut merging = Command::new(merge);
        merging.args(["merge", "-o"]).args([&profile, &raw]);
        command::run(&mut merging).context("cannot put together what was counted")?;
    }
    say("building the gateway guided by that");
    let flags = format!("-Cprofile-use={}", profile.display());
    compile("pgo/guided", &flags, options, &rustc)
}

/// Puts the build that counts to work. It writes down what it has counted at its end.
fn count(counting: &Path, raw: &Path) -> Result<()> {
    if raw.exists() {
        fs::remove_dir_all(raw).with_context(|| format!("cannot remove {}", raw.display()))?;
    }
    bench::exercise(counting, SECONDS)?;
    let written = fs::read_dir(raw).is_ok_and(|mut files| files.next().is_some());
    ensure!(
        written,
        "the gateway wrote nothing down to {}",
        raw.display()
    );
    Ok(())
}

/// For one target, by name: so the flags are the gateway's alone, and not those of what builds it.
fn compile(dir: &str, flags: &str, options: &[&str], rustc: &Rustc) -> Result<PathBuf> {
    let mut build = gateway::cargo_build(dir);
    build.args(["--release", "--bin", "egress", "--target", &rustc.host]);
    command::run(build.args(options).env("RUSTFLAGS", flags))?;
    Ok(target(dir).join(&rustc.host).join("release/egress"))
}

/// Whether `path` is not there, or older than `other`.
fn is_older(path: &Path, other: &Path) -> Result<bool> {
    let Ok(made) = fs::metadata(path).and_then(|metadata| metadata.modified()) else {
        return Ok(true);
    };
    let other = fs::metadata(other).and_then(|metadata| metadata.modified());
    Ok(made < other.context("the gateway was not built")?)
}

/// The compiler.
struct Rustc {
    host: String,
    /// The major version of its LLVM: only tools of the same read what it has written.
    llvm: String,
}

impl Rustc {
    fn ask() -> Result<Self> {
        let mut rustc = Command::new("rustc");
        let said = command::stdout(rustc.arg("-vV").current_dir(root()))?;
        Self::read(&said).with_context(|| format!("cannot read what `rustc -vV` says: {said}"))
    }

    fn read(said: &str) -> Option<Self> {
        let field = |name| {
            let mut lines = said.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let (major, _) = field("LLVM version")?.split_once('.')?;
        Some(Self {
            host: field("host")?.into(),
            llvm: major.into(),
        })
    }

    /// The tool that puts profiles together: rustup's, or Debian's.
    fn profdata(&self) -> Result<PathBuf> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "sysroot"]).current_dir(root());
        let sysroot = PathBuf::from(command::stdout(&mut rustc)?.trim());
        let rustups = sysroot.join(format!("lib/rustlib/{}/bin/llvm-profdata", self.host));
        if rustups.is_file() {
            return Ok(rustups);
        }
        let debians = PathBuf::from(format!("/usr/lib/llvm-{}/bin/llvm-profdata", self.llvm));
        if !debians.is_file() {
            let why =
                "profiles are put together by llvm-profdata (`rustup component add llvm-tools`)";
            install::packages_for(why, &[&format!("llvm-{}", self.llvm)])?;
        }
        Ok(debians)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_says_for_what_it_compiles_and_with_which_llvm() {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n\
                    release: 1.95.0\nLLVM version: 22.1.2\n";
        let rustc = Rustc::read(said).expect("both are there");
        assert_eq!(rustc.host, "x86_64-unknown-linux-gnu");
        assert_eq!(rustc.llvm, "22");
        assert!(Rustc::read("rustc 1.95.0").is_none());
    }

    #[test]
    fn a_profile_is_old_that_is_not_there_or_of_a_build_before() {
        let dir = std::env::temp_dir().join(format!("egress-pgo-{}", std::process::id()));
        fs::create_dir(&dir).expect("a directory");
        let (profile, build) = (dir.join("profile"), dir.join("build"));
        let write = |path: &Path, seconds| {
            let file = fs::File::create(path).expect("a file");
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(time).expect("its time");
        };
        assert!(is_older(&profile, &build).expect("no profile"));
        write(&profile, 1);
        assert!(is_older(&profile, &build).is_err(), "no build");
        for (built, is_old) in [(0, false), (1, false), (2, true)] {
            write(&build, built);
            assert_eq!(is_older(&profile, &build).expect("both"), is_old, "{built}");
        }
        fs::remove_dir_all(&dir).expect("it is there");
    }
}
