//! Which version is shipped, for which machines, and of what time.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use egress_tests::command;

use crate::workspace::root;

/// A release.
#[derive(Debug)]
pub(crate) struct Release {
    /// As the binary says it.
    pub(crate) version: String,
    /// Seconds since 1970, of all files.
    pub(crate) time: u64,
    /// The commit that it is of.
    pub(crate) commit: String,
}

impl Release {
    /// The one that this binary is of.
    pub(crate) fn of(binary: &Path) -> Result<Self> {
        let said = command::stdout(Command::new(binary).arg("--version"))?;
        let version = said
            .trim()
            .strip_prefix("egress ")
            .with_context(|| format!("not a version: {said:?}"))?;
        Self::at(version)
    }

    /// The one of this source, whose binary may be for another machine.
    pub(crate) fn of_workspace() -> Result<Self> {
        Self::at(env!("CARGO_PKG_VERSION"))
    }

    fn at(version: &str) -> Result<Self> {
        Ok(Self {
            version: version.into(),
            time: time()?,
            commit: git(&["rev-parse", "--short=12", "HEAD"])?,
        })
    }

    /// What the tarball, and the directory in it, are called.
    pub(crate) fn name(&self) -> String {
        format!("egress-{}-{}-linux", self.version, std::env::consts::ARCH)
    }

    /// The time in one of date(1)'s formats, in UTC and in English.
    pub(crate) fn date(&self, format: &str) -> Result<String> {
        let mut date = command::system("date");
        date.args(["--utc", &format!("--date=@{}", self.time), format]);
        let date = command::stdout(date.env("LC_ALL", "C"))?;
        Ok(date.trim().into())
    }
}

/// <https://reproducible-builds.org/specs/source-date-epoch/>
fn time() -> Result<u64> {
    let given = std::env::var_os("SOURCE_DATE_EPOCH");
    let seconds = match &given {
        Some(given) => given.to_string_lossy().into_owned(),
        None => git(&["log", "-1", "--format=%ct"])?,
    };
    match seconds.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => bail!("not a time in seconds since 1970: {seconds:?}"),
    }
}

fn git(args: &[&str]) -> Result<String> {
    let answer = command::stdout(Command::new("git").current_dir(root()).args(args))?;
    Ok(answer.trim().into())
}
