//! The capabilities of this process.

use std::fs;

use super::check::{Check, Subject};

/// A capability and what it is for.
struct Capability {
    /// Its number in `linux/capability.h`.
    number: u32,
    /// Another that stands for it.
    or: Option<u32>,
    subject: Subject,
}

const SYS_ADMIN: u32 = 21;

const CAPABILITIES: [Capability; 6] = [
    Capability {
        number: 39,
        or: Some(SYS_ADMIN),
        subject: Subject {
            name: "CAP_BPF",
            needed: true,
            with: "programs and maps can be made",
            without: "programs can't be loaded: nothing can be enforced",
            fix: "run as root, or give the gateway CAP_BPF",
        },
    },
    Capability {
        number: 12,
        or: None,
        subject: Subject {
            name: "CAP_NET_ADMIN",
            needed: true,
            with: "programs can be attached to cgroups and interfaces",
            without: "programs can't be attached: nothing can be enforced",
            fix: "run as root, or give the gateway CAP_NET_ADMIN",
        },
    },
    Capability {
        number: SYS_ADMIN,
        or: None,
        subject: Subject {
            name: "CAP_SYS_ADMIN",
            needed: true,
            with: "listeners can be made in other network namespaces",
            without: "no listener can be made in another network namespace: pods have no way out",
            fix: "run as root, or give the gateway CAP_SYS_ADMIN",
        },
    },
    Capability {
        number: 19,
        or: None,
        subject: Subject {
            name: "CAP_SYS_PTRACE",
            needed: true,
            with: "namespaces and executables of other users' processes can be looked at",
            without: "namespaces of processes that run as other users can't be entered: they have no way out",
            fix: "run as root, or give the gateway CAP_SYS_PTRACE",
        },
    },
    Capability {
        number: 2,
        or: None,
        subject: Subject {
            name: "CAP_DAC_READ_SEARCH",
            needed: false,
            with: "cgroups can be found by their ids",
            without: "the access log can't name a caller's cgroup",
            fix: "run as root, or give the gateway CAP_DAC_READ_SEARCH",
        },
    },
    Capability {
        number: 24,
        or: None,
        subject: Subject {
            name: "CAP_SYS_RESOURCE",
            needed: false,
            with: "limits on resources can be raised",
            without: "the limit on open files can't be raised beyond the hard limit",
            fix: "set LimitNOFILE for the gateway, which then needs no CAP_SYS_RESOURCE",
        },
    },
];

pub(super) fn checks() -> Vec<Check> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = effective(&status).unwrap_or_default();
    CAPABILITIES
        .iter()
        .map(|capability| capability.check(effective))
        .collect()
}

impl Capability {
    fn check(&self, effective: u64) -> Check {
        let has = |number: u32| effective & (1 << number) != 0;
        if has(self.number) {
            self.subject.there("effective")
        } else if self.or.is_some_and(has) {
            self.subject.there("CAP_SYS_ADMIN stands for it")
        } else {
            self.subject.lacking("not effective")
        }
    }
}

/// The effective capabilities in a `/proc/PID/status` file (proc(5)), a bit each.
pub(super) fn effective(status: &str) -> Option<u64> {
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    /// What is said of the capabilities in this set.
    fn states(effective: u64) -> Vec<(&'static str, State)> {
        let checks = CAPABILITIES
            .iter()
            .map(|capability| capability.check(effective));
        checks.map(|check| (check.name, check.state)).collect()
    }

    #[test]
    fn the_effective_set_is_read_from_its_line() {
        let status = "Name:\tegress\nCapPrm:\tffffffffffffffff\nCapEff:\t000001fffeffffff\n";
        assert_eq!(effective(status), Some(0x1ff_feff_ffff));
        assert_eq!(effective("Name:\tegress\n"), None);
        assert_eq!(effective("CapEff:\tnot hexadecimal\n"), None);
    }

    #[test]
    fn a_capability_that_is_not_effective_is_missed() {
        let all = states(0x1ff_ffff_ffff);
        assert!(all.iter().all(|(_, state)| *state == State::Ok), "{all:?}");
        // Everything but CAP_SYS_RESOURCE, without which the gateway runs.
        let most = states(0x1ff_feff_ffff);
        let lacking: Vec<_> = most
            .iter()
            .filter(|(_, state)| *state != State::Ok)
            .collect();
        assert_eq!(lacking, [&("CAP_SYS_RESOURCE", State::Degraded)]);
        let missing = states(0)
            .iter()
            .filter(|(_, state)| *state == State::Missing)
            .count();
        assert_eq!(missing, 4);
    }

    #[test]
    fn an_older_capability_stands_for_a_newer() {
        let with = |bits| CAPABILITIES.first().expect("the first").check(bits).state;
        assert_eq!(with(1 << SYS_ADMIN), State::Ok);
        assert_eq!(with(1 << 12), State::Missing);
    }
}
