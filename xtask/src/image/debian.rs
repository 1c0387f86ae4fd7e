//! The Debian packages that the image's libraries and roots of trust are of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::command;

/// One that is installed here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
}

impl Package {
    /// Those of these files, each once.
    pub(super) fn of(files: &[PathBuf]) -> Result<BTreeSet<Self>> {
        files.iter().map(|file| Self::owner(file)).collect()
    }

    fn owner(file: &Path) -> Result<Self> {
        let path =
            fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?;
        // What is in /usr/lib was packaged as being in /lib, where one is the other.
        let packaged = path
            .strip_prefix("/usr")
            .map(|path| Path::new("/").join(path));
        let owner = std::iter::once(path.clone())
            .chain(packaged)
            .find_map(|path| {
                let mut search = command::system("dpkg-query");
                let printed = command::stdout(search.arg("--search").arg(path)).ok()?;
                Some(printed.split(": ").next()?.to_owned())
            });
        let owner = owner.with_context(|| {
            format!(
                "{} is of no Debian package: images are made on Debian",
                path.display()
            )
        })?;
        let mut show = command::system("dpkg-query");
        show.arg("--showformat=${Package} ${Version} ${Architecture}");
        let shown = command::stdout(show.arg("--show").arg(owner))?;
        let mut words = shown.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Ok(Self {
            name: word(),
            version: word(),
            architecture: word(),
        })
    }

    /// The terms that a copy comes with.
    pub(super) fn copyright(&self) -> PathBuf {
        Path::new("usr/share/doc")
            .join(&self.name)
            .join("copyright")
    }

    /// <https://github.com/package-url/purl-spec>
    pub(super) fn purl(&self) -> String {
        let version = self.version.replace('+', "%2B").replace(':', "%3A");
        format!(
            "pkg:deb/debian/{}@{version}?arch={}",
            self.name, self.architecture
        )
    }
}
