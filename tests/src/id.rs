//! The names under which a testbed leaves things on the machine, made from its owner's process id.

use std::fmt;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// How the name of everything that a testbed makes begins.
const PREFIX: &str = "egress-bed";

/// One testbed: the process that owns it, and which of that process's testbeds it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BedId {
    pid: u32,
    serial: u32,
}

impl BedId {
    /// A fresh one of this process.
    pub(crate) fn next() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        Self {
            pid: process::id(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The one that a file or namespace belongs to, from its name; `None` for what is not ours.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-');
        let pid = parts.next()?.parse().ok()?;
        let serial = parts.next()?.parse().ok()?;
        Some(Self { pid, serial })
    }

    /// Whether this process made it.
    pub(crate) fn is_ours(self) -> bool {
        self.pid == process::id()
    }

    /// Whether the process that made it is gone.
    pub(crate) fn is_stale(self) -> bool {
        !Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

impl fmt::Display for BedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}-{}-{}", self.pid, self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_testbed() {
        let id = BedId::next();
        assert_eq!(BedId::of(&id.to_string()), Some(id));
        assert_eq!(BedId::of(&format!("{id}-node")), Some(id));
        assert!(id.is_ours() && !id.is_stale());
    }

    #[test]
    fn the_names_of_others_are_left_alone() {
        for name in [
            "",
            "egress",
            "egress-bed",
            "egress-bed-",
            "egress-bed-x-0",
            "other-1-0",
        ] {
            assert_eq!(BedId::of(name), None, "{name}");
        }
    }

    #[test]
    fn two_testbeds_of_one_process_differ() {
        assert_ne!(BedId::next(), BedId::next());
    }
}
