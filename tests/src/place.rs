//! Where a process runs: a network namespace, a cgroup, and perhaps the inet's DNS.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;
use crate::net;

/// Joins the cgroup and becomes the program: `$1` is the cgroup, the rest the command. The shell
/// moves itself, so that the program has never run anywhere else, and its process id stays.
const JOIN: &str = r#"echo $$ > "$1/cgroup.procs" && shift && exec "$@""#;

/// As [`JOIN`], in a mount namespace of its own where name lookups go to the inet: `$2` and `$3`
/// take the places of the files that tell the C library how to look up names.
const JOIN_WITH_DNS: &str = r#"echo $$ > "$1/cgroup.procs" &&
    mount --bind "$2" /etc/resolv.conf &&
    { [ ! -e /etc/nsswitch.conf ] || mount --bind "$3" /etc/nsswitch.conf; } &&
    shift 3 && exec "$@""#;

/// A network namespace and a cgroup, and how names are looked up there.
#[derive(Clone, Debug)]
pub struct Place {
    netns: String,
    cgroup: PathBuf,
    lookup: Option<Lookup>,
}

/// The two files that lead name lookups to the inet's DNS server.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) resolv_conf: PathBuf,
    pub(crate) nsswitch_conf: PathBuf,
}

impl Place {
    pub(crate) fn new(netns: &str, cgroup: PathBuf) -> Self {
        Self {
            netns: netns.into(),
            cgroup,
            lookup: None,
        }
    }

    pub(crate) fn with_lookup(self, lookup: Lookup) -> Self {
        Self {
            lookup: Some(lookup),
            ..self
        }
    }

    /// The cgroup's directory.
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// A command that runs a program here. Every step replaces the one before it, so that the
    /// process that is started is the program itself.
    ///
    /// `ip netns exec` would not do: it hides the cgroup file system behind a new `/sys`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = command::system("nsenter");
        command.arg(format!("--net={}", net::handle(&self.netns).display()));
        match &self.lookup {
            None => command
                .args(["--", "sh", "-c", JOIN, "join"])
                .arg(&self.cgroup),
            Some(lookup) => command
                .args([
                    "--",
                    "unshare",
                    "--mount",
                    "--",
                    "sh",
                    "-c",
                    JOIN_WITH_DNS,
                    "join",
                ])
                .args([&self.cgroup, &lookup.resolv_conf, &lookup.nsswitch_conf]),
        };
        command.arg(program).stdin(Stdio::null());
        command
    }
}
