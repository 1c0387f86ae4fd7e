//! The Debian package, built from the same files by dpkg-deb.
//!
//! cargo-deb would want them listed once more in the gateway's manifest, and its own idea of units.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::release::Release;
use super::stage::{self, DOC, compress, put, seal};
use crate::workspace::root;

/// Who answers for the package, unless `DEBFULLNAME` and `DEBEMAIL` say otherwise.
const MAINTAINER: (&str, &str) = ("The egress authors", "maintainers@egress.invalid");

/// dpkg counts in KiB.
const KIB: u64 = 1024;

/// Builds the package of what is below `staged`, which gets what only packages have; gives its path.
pub(super) fn make(staged: &Path, out: &Path, release: &Release, fast: bool) -> Result<PathBuf> {
    let control = staged.join("DEBIAN");
    document(staged, release)?;
    let files = seal(staged, release)?;
    let configured = source("conffiles")?;
    let is_configured = |file: &&String| configured.lines().any(|path| path == format!("/{file}"));
    let summed: Vec<_> = files.iter().filter(|file| !is_configured(file)).collect();
    let mut md5sum = command::system("md5sum");
    let sums = command::stdout(md5sum.current_dir(staged).args(summed))?;
    let text = filled(&source("control")?, release)
        .replace("@ARCHITECTURE@", &architecture()?)
        .replace("@DEPENDS@", &depends(staged)?)
        .replace("@INSTALLED_SIZE@", &size(staged, &files)?.to_string());

    put(&control, "control", text.as_bytes())?;
    put(&control, "md5sums", sums.as_bytes())?;
    put(&control, "conffiles", configured.as_bytes())?;
    for script in ["postinst", "prerm", "postrm"] {
        let script = put(
            &control,
            script,
            filled(&source(script)?, release).as_bytes(),
        )?;
        stage::mode(&script, 0o755)?;
    }
    seal(staged, release)?;

    let name = format!("egress_{}_{}.deb", release.version, architecture()?);
    let deb = out.join(name);
    let mut build = command::system("dpkg-deb");
    // One thread: where xz cuts its blocks depends on how many there are.
    build.args(["--root-owner-group", "--threads-max=1"]);
    build.args(if fast {
        ["-Zgzip", "-z1"]
    } else {
        ["-Zxz", "-z6"]
    });
    build.arg("--build").args([staged, &deb]);
    build.env("SOURCE_DATE_EPOCH", release.time.to_string());
    build.stdout(std::io::stderr());
    command::run(&mut build)?;
    Ok(deb)
}

/// What Debian's policy wants to be beside a package's documentation.
fn document(staged: &Path, release: &Release) -> Result<()> {
    let mit = fs::read_to_string(root().join("LICENSE-MIT")).context("cannot read LICENSE-MIT")?;
    let paragraphs = mit
        .lines()
        .skip_while(|line| !line.starts_with("Permission"));
    let mit: Vec<_> = paragraphs
        .map(|line| format!(" {}", if line.is_empty() { "." } else { line }))
        .collect();
    let copyright = source("copyright")?
        .replace("@YEAR@", &release.date("+%Y")?)
        .replace("@MIT@", &mit.join("\n"));
    put(staged, &format!("{DOC}/copyright"), copyright.as_bytes())?;
    let overrides = source("lintian-overrides")?;
    put(
        staged,
        "usr/share/lintian/overrides/egress",
        overrides.as_bytes(),
    )?;
    let changes = format!(
        "egress ({}) unstable; urgency=medium\n\n  * Built from commit {}.\n\n -- {}  {}\n",
        release.version,
        release.commit,
        maintainer(),
        release.date("+%a, %d %b %Y %H:%M:%S +0000")?
    );
    compress(&put(
        staged,
        &format!("{DOC}/changelog"),
        changes.as_bytes(),
    )?)
}

/// The packages that have the libraries, in the versions that have the symbols.
fn depends(staged: &Path) -> Result<String> {
    // dpkg-shlibdeps asks for the source package's control file, of which it wants nothing.
    let source = staged.with_file_name("source");
    put(
        &source,
        "debian/control",
        b"Source: egress\n\nPackage: egress\nArchitecture: any\n",
    )?;
    let mut shlibdeps = command::system("dpkg-shlibdeps");
    shlibdeps.current_dir(&source).arg("-O");
    let found = command::stdout(shlibdeps.arg(staged.join("usr/bin/egress")))?;
    let depends = found.trim().strip_prefix("shlibs:Depends=");
    depends
        .map(str::to_owned)
        .with_context(|| format!("dpkg-shlibdeps said {found:?}"))
}

/// What the machine is called in Debian.
fn architecture() -> Result<String> {
    let mut dpkg = command::system("dpkg");
    let printed = command::stdout(dpkg.arg("--print-architecture"))?;
    Ok(printed.trim().into())
}

/// As `Installed-Size` counts: each file in whole KiB.
fn size(staged: &Path, files: &[String]) -> Result<u64> {
    let sizes = files
        .iter()
        .map(|file| Ok(fs::metadata(staged.join(file))?.len().div_ceil(KIB)));
    sizes.sum()
}

fn source(name: &str) -> Result<String> {
    let path = root().join("deploy/debian").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn filled(text: &str, release: &Release) -> String {
    text.replace("@VERSION@", &release.version)
        .replace("@MAINTAINER@", &maintainer())
}

fn maintainer() -> String {
    let of = |name: &str, other: &str| std::env::var(name).unwrap_or_else(|_| other.into());
    let (name, address) = MAINTAINER;
    format!("{} <{}>", of("DEBFULLNAME", name), of("DEBEMAIL", address))
}
