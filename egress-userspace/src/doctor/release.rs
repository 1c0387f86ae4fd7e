//! The kernel's release.

use std::fs;

use super::check::{Check, Subject};

/// Below this the kernel does not tell a `sockops` program its network namespace's cookie, on which
/// everything else stands.
const OLDEST: Release = Release {
    major: 5,
    minor: 15,
};

const RELEASE: Subject = Subject {
    name: "kernel release",
    needed: true,
    with: "the gateway's programs are made for Linux 5.15 and later",
    without: "the gateway's programs need Linux 5.15: nothing can be enforced",
    fix: "boot a kernel of 5.15 or later",
};

/// The first two numbers of a kernel's release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    major: u32,
    minor: u32,
}

pub(super) fn checks() -> Vec<Check> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    vec![RELEASE.is(
        Release::parse(release).is_some_and(|found| found >= OLDEST),
        release,
    )]
}

impl Release {
    /// Reads the beginning of a release such as `5.15.0-91-generic`.
    fn parse(text: &str) -> Option<Self> {
        let (major, rest) = text.split_once('.')?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        Some(Self {
            major: major.parse().ok()?,
            minor: rest.get(..end)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_distributions_write_them() {
        for (text, major, minor) in [
            ("5.15.0-91-generic", 5, 15),
            ("6.18.44-fc-v657", 6, 18),
            ("6.1-arch", 6, 1),
            ("5.14.0-427.el9.x86_64", 5, 14),
            ("7.0+", 7, 0),
            ("10.2", 10, 2),
        ] {
            assert_eq!(
                Release::parse(text),
                Some(Release { major, minor }),
                "{text}"
            );
        }
        for text in ["", "6", "6.", "x.1", "6.x", "-1.2"] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let release = |text| Release::parse(text).expect("a release");
        assert!(release("5.9.0") < OLDEST);
        assert!(release("5.15.0") >= OLDEST);
        assert!(release("6.0.0") > OLDEST);
        assert!(release("4.19.0") < OLDEST);
    }
}
