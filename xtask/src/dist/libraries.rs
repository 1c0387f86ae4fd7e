//! What a binary needs of the system that runs it.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use egress_tests::command;

/// What every glibc system has. Anything else would be missing somewhere.
const EVERYWHERE: [&str; 5] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libgcc_s.so.1",
    "libm.so.6",
];

/// What a binary needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    libraries: Vec<String>,
    /// The oldest glibc that has all its symbols.
    glibc: (u32, u32),
}

/// What this binary needs, as this objdump tells; an error if it is what not every system has.
pub(crate) fn needs(mut objdump: Command, binary: &Path) -> Result<Needs> {
    let needs = read(&command::stdout(objdump.arg("-p").arg(binary))?);
    for library in &needs.libraries {
        let is_usual = EVERYWHERE.contains(&library.as_str());
        ensure!(
            is_usual,
            "{} needs {library}, which not every system has",
            binary.display()
        );
    }
    Ok(needs)
}

impl Needs {
    /// The names of libraries.
    pub(crate) fn libraries(&self) -> &[String] {
        &self.libraries
    }
}

/// Reads what `objdump -p` prints.
fn read(printed: &str) -> Needs {
    let words = printed.split_whitespace();
    let libraries = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("NEEDED"))
        .map(|name| name.trim().to_owned());
    let versions = words.filter_map(|word| {
        let (major, rest) = word.strip_prefix("GLIBC_")?.split_once('.')?;
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    Needs {
        libraries: libraries.collect(),
        glibc: versions.max().unwrap_or_default(),
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.glibc;
        write!(
            f,
            "glibc {major}.{minor} or later, for {}",
            self.libraries.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let printed = "\
  NEEDED               libc.so.6
  NEEDED               libm.so.6

Version References:
  required from libc.so.6:
    0x0d696910 0x00 05 GLIBC_2.9
    0x09691974 0x00 02 GLIBC_2.34
    0x06969185 0x00 03 GLIBC_2.2.5
";
        let needs = read(printed);
        assert_eq!(needs.libraries, ["libc.so.6", "libm.so.6"]);
        assert_eq!(needs.glibc, (2, 34));
    }
}
