//! What is shipped: made of the binary under test, installed where nothing of it stays, and removed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{REGISTRY, Scene, binary, command, fit};

/// Where `cargo build` leaves what makes it, from this package's directory.
const XTASK: &str = "../target/debug/xtask";

/// A system of its own: this machine's, with a layer over it that takes what is written. Its `/sys` is this
/// machine's. `$1` is a directory for the layer; the rest of the script runs in that system, below `/mnt`.
const CHROOT: &str = r#"set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for path in dev proc sys; do mount --rbind "/$path" "$1/root/$path"; done
mkdir -p "$1/root/mnt"
mount --bind "$2" "$1/root/mnt"
exec chroot "$1/root" sh -ec "$3"
"#;

/// The packages, and where they are.
struct Dist {
    dir: PathBuf,
}

impl Dist {
    /// Of the binary under test, without what is only for a debugger.
    fn make(name: &str) -> Result<Self> {
        let name = format!("egress-dist-{name}-{}", std::process::id());
        let dist = Self {
            dir: std::env::temp_dir().join(name),
        };
        fs::create_dir_all(dist.dir.join("layer"))?;
        let mut strip = command::system("strip");
        strip.arg("-o").arg(dist.dir.join("egress")).arg(binary()?);
        command::run(&mut strip)?;
        dist.pack("out")?;
        Ok(dist)
    }

    fn pack(&self, out: &str) -> Result<()> {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR")).join(XTASK);
        let mut xtask = command::system(&xtask.to_string_lossy());
        xtask
            .args(["dist", "--fast", "--binary"])
            .arg(self.dir.join("egress"));
        xtask.arg("--out").arg(self.dir.join(out));
        xtask.env("SOURCE_DATE_EPOCH", "1795000000");
        let printed = command::stdout(&mut xtask)?;
        ensure!(printed.lines().count() == 2, "{printed}");
        Ok(())
    }

    /// Runs a script where the package can be installed as `/mnt/out/*.deb`.
    fn within(&self, script: &str) -> Result<String> {
        let mut unshare = command::system("unshare");
        unshare.args(["--mount", "--", "sh", "-c", CHROOT, "chroot"]);
        unshare
            .args([&self.dir.join("layer"), &self.dir])
            .arg(script);
        command::stdout(&mut unshare)
    }

    fn files(&self, out: &str) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.dir.join(out))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort_unstable();
        Ok(files)
    }
}

impl Drop for Dist {
    fn drop(&mut self) {
        // What cannot be removed is below the system's directory for such things.
        fs::remove_dir_all(&self.dir).ok();
    }
}

#[test]
fn the_same_binary_makes_the_same_packages() -> Result<()> {
    let dist = Dist::make("same")?;
    dist.pack("again")?;
    let (first, second) = (dist.files("out")?, dist.files("again")?);
    let names: Vec<_> = first.iter().map(|path| path.file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for (first, second) in first.iter().zip(&second) {
        let same = fs::read(first)? == fs::read(second)?;
        assert!(same, "{} is another each time", first.display());
    }
    // And what is in the tarball is what its sums say.
    let script = "cd /mnt && tar -xzf out/*.tar.gz && cd egress-*-linux && sha256sum --quiet -c SHA256SUMS && \
                  find . -type f ! -name SHA256SUMS | wc -l && wc -l <SHA256SUMS && usr/bin/egress --version";
    let said = dist.within(script)?;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.first(), lines.get(1), "{said}");
    assert_eq!(
        lines.get(2),
        Some(&concat!("egress ", env!("CARGO_PKG_VERSION"))),
        "{said}"
    );
    Ok(())
}

#[test]
fn the_package_installs_verifies_and_leaves_nothing() -> Result<()> {
    let dist = Dist::make("install")?;
    let said = dist.within(
        r"dpkg --no-triggers -i /mnt/out/*.deb >/dev/null
           dpkg -V egress
           egress --version
           egress check /etc/egress/egress.toml
           MANPATH=/usr/share/man man -P cat 8 egress | grep -c 'egress-run(8)'
           MANPATH=/usr/share/man man -P cat 5 egress.toml | grep -c 'outbound_traffic_policy'
           bash --norc -c 'source /usr/share/bash-completion/completions/egress; complete -p egress'
           test ! -e /etc/systemd/system/multi-user.target.wants/egress.service && echo not enabled
           ldd /usr/bin/egress | grep -vE 'linux-vdso|ld-linux|libc\.so|libm\.so|libgcc_s\.so' || echo nothing else
           dpkg --no-triggers -P egress >/dev/null
           test ! -e /usr/bin/egress && test ! -e /etc/egress && echo gone",
    )?;
    let lines: Vec<_> = said.lines().collect();
    let version = concat!("egress ", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines.first(), Some(&version), "{said}");
    for line in ["not enabled", "nothing else", "gone"] {
        assert!(lines.contains(&line), "{line}: {said}");
    }
    assert!(said.contains("/etc/egress/egress.toml: ok — "), "{said}");
    assert!(said.contains("_egress"), "{said}");
    Ok(())
}

/// Stands where systemctl is: says what it is asked for, and that the gateway runs; tells it nothing if it is not to.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "systemctl $*"
[ "$1" != kill ] || [ ! -e /run/untold ]
"#;

#[test]
fn an_upgrade_hands_over_and_what_is_governed_is_not_let_go_unasked() -> Result<()> {
    let scene = Scene::new("")?;
    let dist = Dist::make("remove")?;
    let config = dist.dir.join("egress.toml");
    fs::write(&config, fit(&scene.bed, REGISTRY)).context("cannot write egress.toml")?;
    fs::write(dist.dir.join("systemctl"), SYSTEMCTL).context("cannot write systemctl")?;
    let said = dist.within(
        r"mkdir -p /run/systemd/system
           install -m 0755 /mnt/systemctl /usr/bin/systemctl
           echo first; dpkg --no-triggers -i /mnt/out/*.deb
           echo again; dpkg --no-triggers -i /mnt/out/*.deb
           touch /run/untold
           echo untold; dpkg --no-triggers -i /mnt/out/*.deb 2>&1 && echo upgraded
           cp /mnt/egress.toml /etc/egress/egress.toml
           if dpkg --no-triggers -r egress 2>&1; then echo removed; else echo refused; fi
           test -x /usr/bin/egress && echo still there
           egress cleanup --yes --force >/dev/null
           dpkg --no-triggers -r egress && echo removed now",
    )?;
    let hands_over = "systemctl kill --kill-who=main --signal=SIGUSR1 egress.service";
    let (first, again) = said.split_once("\nagain\n").with_context(|| said.clone())?;
    assert!(
        !first.contains("SIGUSR1") && !first.contains("start"),
        "{said}"
    );
    let (again, untold) = again
        .split_once("\nuntold\n")
        .with_context(|| said.clone())?;
    assert!(
        again.contains(hands_over) && again.contains("hands over to"),
        "{said}"
    );
    assert!(
        untold.contains("could not be told") && !untold.contains("the running gateway hands over"),
        "{said}"
    );
    let lines: Vec<_> = untold.lines().collect();
    for line in ["upgraded", "refused", "still there", "removed now"] {
        assert!(lines.contains(&line), "{line}: {said}");
    }
    assert!(said.contains("egress cleanup --yes"), "{said}");
    Ok(())
}
