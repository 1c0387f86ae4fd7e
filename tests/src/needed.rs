//! The programs that a testbed runs, and the Debian packages they come from.

use anyhow::{Result, bail};

use crate::command;

/// A program and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Needed {
    /// Its name on the search path, or its whole path.
    pub program: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

/// Everything that a [`crate::Testbed`], and a test beside it, runs.
pub const NEEDED: &[Needed] = &[
    Needed {
        program: "ip",
        package: "iproute2",
    },
    Needed {
        program: "nsenter",
        package: "util-linux",
    },
    Needed {
        program: "unshare",
        package: "util-linux",
    },
    Needed {
        program: "mount",
        package: "mount",
    },
    Needed {
        program: "timeout",
        package: "coreutils",
    },
    Needed {
        program: "nginx",
        package: "nginx",
    },
    Needed {
        program: "dnsmasq",
        package: "dnsmasq-base",
    },
    Needed {
        program: "openssl",
        package: "openssl",
    },
    Needed {
        program: "curl",
        package: "curl",
    },
    Needed {
        program: "python3",
        package: "python3",
    },
    // What the manual's pages and the completions are checked by.
    Needed {
        program: "man",
        package: "man-db",
    },
    Needed {
        program: "zsh",
        package: "zsh",
    },
    Needed {
        program: "fish",
        package: "fish",
    },
    // And the unit, and the package.
    Needed {
        program: "systemd-analyze",
        package: "systemd",
    },
    Needed {
        program: "setpriv",
        package: "util-linux",
    },
    Needed {
        program: "dpkg-shlibdeps",
        package: "dpkg-dev",
    },
];

/// What the containers of [`crate::Node`] are run by.
pub const NEEDED_BY_NODES: &[Needed] = &[
    Needed {
        program: "podman",
        package: "podman",
    },
    Needed {
        program: "runc",
        package: "runc",
    },
    Needed {
        program: "/usr/lib/podman/netavark",
        package: "netavark",
    },
    Needed {
        program: "iptables",
        package: "iptables",
    },
    Needed {
        program: "strip",
        package: "binutils",
    },
    Needed {
        program: "ldd",
        package: "libc-bin",
    },
    Needed {
        program: "tar",
        package: "tar",
    },
    Needed {
        program: "update-ca-certificates",
        package: "ca-certificates",
    },
];

/// What only some tests run beside a testbed.
pub const NEEDED_BY_TESTS: &[Needed] = &[
    Needed {
        program: "prometheus",
        package: "prometheus",
    },
    Needed {
        program: "promtool",
        package: "prometheus",
    },
    Needed {
        program: "chromium",
        package: "chromium",
    },
    Needed {
        program: "buildah",
        package: "buildah",
    },
];

impl Needed {
    /// Whether the program is where it is looked for.
    pub fn is_present(&self) -> bool {
        command::find(self.program).is_some()
    }
}

/// An error that names what is not installed, if anything is not.
pub(crate) fn require(who: &str, needed: &[Needed]) -> Result<()> {
    let missing: Vec<_> = needed
        .iter()
        .filter(|n| !n.is_present())
        .map(|n| format!("{} (Debian: {})", n.program, n.package))
        .collect();
    if !missing.is_empty() {
        bail!(
            "{who} needs programs that are not installed: {}",
            missing.join(", ")
        );
    }
    Ok(())
}
