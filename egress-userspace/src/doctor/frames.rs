//! Who could send frames past every hook on a cgroup: governed processes with `CAP_NET_RAW`.

use std::fs;
use std::path::Path;

use crate::config::Config;
use crate::kernel::probe::{self, Feature};

use super::capabilities::effective;
use super::check::{Check, Subject};

const FRAMES: Subject = Subject {
    name: "raw frames",
    needed: false,
    with: "no governed process can send frames (AF_PACKET) that nothing judges",
    without: "frames (AF_PACKET) are judged by no hook on a cgroup, only on the host side of a \
              namespace's own veth, by strict mode; the host's namespace has none",
    fix: "take CAP_NET_RAW from governed processes, or give them a namespace with a veth and set [gateway] strict",
};

/// `CAP_NET_RAW` in `linux/capability.h`.
const CAP_NET_RAW: u32 = 13;

/// Governed processes with `CAP_NET_RAW`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Senders {
    /// In the gateway's network namespace, which has no host side.
    here: usize,
    /// In others.
    elsewhere: usize,
}

/// Counts those that run now.
pub(super) fn check(config: &Config) -> Check {
    let Ok(mount) = probe::cgroups() else {
        return FRAMES.lacking("can't be told: there is no cgroup v2");
    };
    let mut found = Senders::default();
    for path in config.scopes.iter().flat_map(|scope| &scope.cgroups) {
        found.count_in(&mount.join(path.as_str().trim_start_matches('/')));
    }
    let strict = config.gateway.strict && matches!(Feature::Tcx.is_there(), Ok(true));
    verdict(&found, strict)
}

fn verdict(found: &Senders, strict: bool) -> Check {
    match found {
        Senders { here: 0, elsewhere: 0 } => {
            FRAMES.there("no governed process has CAP_NET_RAW now")
        }
        Senders { here: 0, elsewhere } if strict => FRAMES.there(format!(
            "{elsewhere} governed processes have CAP_NET_RAW, in namespaces that strict mode filters"
        )),
        Senders { here, elsewhere } => FRAMES.lacking(format!(
            "governed processes with CAP_NET_RAW: {here} in this network namespace, {elsewhere} in others"
        )),
    }
}

impl Senders {
    /// Counts in a cgroup and those below it. What goes meanwhile is not counted.
    fn count_in(&mut self, cgroup: &Path) {
        let processes = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
        processes.lines().for_each(|pid| self.count(pid));
        for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.count_in(&entry.path());
            }
        }
    }

    fn count(&mut self, pid: &str) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if effective(&status).is_none_or(|bits| bits & (1 << CAP_NET_RAW) == 0) {
            return;
        }
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        if namespace(pid) == namespace("self") {
            self.here += 1;
        } else {
            self.elsewhere += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn what_strict_mode_cannot_see_is_degraded() {
        let state = |here, elsewhere, strict| verdict(&Senders { here, elsewhere }, strict).state;
        assert_eq!(state(0, 0, false), State::Ok);
        assert_eq!(state(0, 1, true), State::Ok);
        assert_eq!(state(0, 1, false), State::Degraded);
        assert_eq!(state(1, 0, true), State::Degraded);
    }
}
