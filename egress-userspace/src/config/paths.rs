//! Paths of files and of cgroups.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::{Problem, did_you_mean};
use super::value::{Reject, Value, string};

/// Where cgroup v2 is mounted on nearly every system; only to give advice.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";

/// A cgroup's path below the cgroup v2 mount: begins with `/`, has no `.`, `..` or empty part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CgroupPath(String);

impl CgroupPath {
    /// That of the cgroup above all.
    pub(super) fn root() -> Self {
        Self("/".into())
    }

    /// The path's text, as `/proc/PID/cgroup` has it after `0::`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for CgroupPath {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "a path below the cgroup v2 mount, such as \"/kubepods.slice\"",
            |text| {
                if let Some(below) = text
                    .strip_prefix(USUAL_MOUNT)
                    .filter(|b| b.starts_with('/'))
                {
                    return Err(Reject::new("the path has the mount in it")
                        .help(format!("write \"{below}\"")));
                }
                let normal = normal(text);
                if normal == text {
                    return Ok(Self(normal));
                }
                Err(Reject::new(format!(
                    "{text:?} is not an absolute path in its shortest form"
                ))
                .maybe_help((!text.contains("..")).then(|| format!("write {normal:?}"))))
            },
        )
    }
}

/// `text` as an absolute path without `.`, `..` and empty parts.
fn normal(text: &str) -> String {
    let parts = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."));
    format!("/{}", parts.collect::<Vec<_>>().join("/"))
}

/// What an access log that is not a file may go to.
const DAEMONS: [&str; 2] = ["syslog", "journald"];

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogPath {
    /// `"-"`.
    #[default]
    Stdout,
    /// `"syslog"`.
    Syslog,
    /// `"journald"`.
    Journald,
    /// An absolute path.
    File(PathBuf),
}

impl Value for LogPath {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "an absolute path, \"syslog\", \"journald\", or \"-\" for standard output",
            |text| match text {
                "-" => Ok(Self::Stdout),
                "syslog" => Ok(Self::Syslog),
                "journald" => Ok(Self::Journald),
                path => absolute(path)
                    .map(Self::File)
                    .map_err(|reject| reject.maybe_help(did_you_mean(path, &DAEMONS))),
            },
        )
    }
}

/// Longest path of a Unix socket, in bytes: `sun_path` of unix(7) has 108, the last of which is zero.
const MAX_SOCKET: usize = 107;

/// Where a Unix socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketPath {
    /// `"off"`: there is none.
    Off,
    /// An absolute path.
    At(PathBuf),
}

impl SocketPath {
    /// The path, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path),
        }
    }

    /// What `[admin] socket` says in a text that may be wrong elsewhere. `None`: it does not say, or it is no TOML.
    pub fn said(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        let said = table.get("admin")?.get("socket")?.as_str()?;
        Self::parse(said).ok()
    }

    fn parse(text: &str) -> Result<Self, Reject> {
        match text {
            "off" => Ok(Self::Off),
            text if text.len() > MAX_SOCKET => Err(Reject::new(format!(
                "a socket's path has at most {MAX_SOCKET} bytes"
            ))),
            text => absolute(text).map(Self::At),
        }
    }
}

impl Value for SocketPath {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "an absolute path, or \"off\"";
        string(value, problems, expected, Self::parse)
    }
}

/// A file that is named by its path from the directory of the file that names it, or absolutely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidePath(PathBuf);

impl SidePath {
    /// The path, seen from where `file` is seen from.
    pub fn beside(&self, file: &Path) -> PathBuf {
        match file.parent() {
            Some(directory) => directory.join(&self.0),
            None => self.0.clone(),
        }
    }
}

/// `"off"` says that there is none.
impl Value for Option<Spanned<SidePath>> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a path from this file's directory, or \"off\"";
        string(value, problems, expected, |text| match text {
            "off" => Ok(None),
            text if text.is_empty() || text.ends_with('/') || text.contains('\0') => {
                Err(Reject::new(format!("{text:?} is no file's path")))
            }
            text => Ok(Some(Spanned::new(value.span(), SidePath(text.into())))),
        })
    }
}

impl Value for PathBuf {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(value, problems, "an absolute path", absolute)
    }
}

/// A directory that is looked for if it is not named.
impl Value for Option<PathBuf> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        PathBuf::read(value, problems).map(Some)
    }
}

fn absolute(text: &str) -> Result<PathBuf, Reject> {
    let path = PathBuf::from(text);
    if path.is_absolute() && !text.contains('\0') {
        Ok(path)
    } else {
        Err(Reject::new(format!("{text:?} is not an absolute path")))
    }
}
