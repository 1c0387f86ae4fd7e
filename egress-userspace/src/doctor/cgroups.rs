//! The cgroup hierarchy, and whether the configured scopes can be governed in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::config::Config;
use crate::kernel::{KernelError, probe};

use super::check::{Check, Subject};

const HIERARCHY: Subject = Subject {
    name: "cgroup v2",
    needed: true,
    with: "the programs attach to it, and it tells who is governed",
    without: "there is nothing to attach the programs to: nothing can be enforced",
    fix: "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1",
};

const ALONE: Subject = Subject {
    name: "cgroup v1",
    needed: false,
    with: "every process is in the hierarchy that the gateway sees",
    without: "container runtimes that use version 1 may leave their containers out of version 2, \
              where no scope can name them",
    fix: "boot with systemd.unified_cgroup_hierarchy=1",
};

const IDS: Subject = Subject {
    name: "cgroup paths",
    needed: false,
    with: "the access log names a caller's cgroup",
    without: "the access log can't name a caller's cgroup",
    fix: "run with CAP_DAC_READ_SEARCH",
};

const WHOLE: Subject = Subject {
    name: "cgroup namespace",
    needed: false,
    with: "the whole hierarchy can be seen",
    without: "where /sys/fs/cgroup is this container's own, only its part of the hierarchy can be seen: the rest can't be governed",
    fix: "mount the host's /sys/fs/cgroup, or run in the host's cgroup namespace",
};

const SCOPES: Subject = Subject {
    name: "scopes",
    needed: true,
    with: "each governed cgroup is there, is seen from the attach point, and is not the gateway's own",
    without: "the gateway refuses to start: it would not govern what it says it does",
    fix: "make the cgroups before the gateway starts, set [gateway] attach to a directory above \
          them, and run the gateway in another cgroup",
};

/// Inode of the first cgroup namespace (`PROC_CGROUP_INIT_INO` of `linux/proc_ns.h`).
const FIRST_NAMESPACE: &str = "cgroup:[4026531835]";

pub(super) fn checks(config: Option<&Config>) -> Vec<Check> {
    let mut checks = hierarchy();
    checks.extend([alone(), whole(), ids()]);
    checks.extend(config.map(scopes));
    checks
}

/// Whether there is one.
pub(super) fn hierarchy() -> Vec<Check> {
    vec![match probe::cgroups() {
        Ok(mount) => HIERARCHY.there(mount.display().to_string()),
        Err(error) => HIERARCHY.lacking(error.in_full()),
    }]
}

fn alone() -> Check {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let count = version_1(&mounts);
    ALONE.is(
        count == 0,
        match count {
            0 => "not mounted".to_owned(),
            count => format!("mounted beside it, {count} times"),
        },
    )
}

/// How many hierarchies of version 1 a mountinfo file (proc(5)) has.
fn version_1(mountinfo: &str) -> usize {
    let kinds = mountinfo.lines().filter_map(|line| line.split_once(" - "));
    kinds
        .filter(|(_, rest)| rest.starts_with("cgroup "))
        .count()
}

fn whole() -> Check {
    let own = fs::read_link("/proc/self/ns/cgroup").unwrap_or_default();
    let is_first = own.as_os_str() == FIRST_NAMESPACE;
    WHOLE.is(
        is_first,
        if is_first {
            "the host's"
        } else {
            "a container's"
        },
    )
}

fn ids() -> Check {
    match probe::names_cgroups() {
        Ok(true) => IDS.there("found by their ids"),
        Ok(false) => IDS.lacking("open_by_handle_at is refused"),
        Err(error) => IDS.lacking(error.in_full()),
    }
}

fn scopes(config: &Config) -> Check {
    let named = config.scopes.iter().flat_map(|scope| &scope.cgroups);
    let governed: BTreeSet<PathBuf> = named.map(|path| path.as_str().into()).collect();
    let attach = config.gateway.attach.as_deref();
    match probe::out_of_scope(attach, &governed) {
        Err(error) => SCOPES.lacking(error.in_full()),
        Ok(wrong) if !wrong.is_empty() => SCOPES.lacking(
            wrong
                .iter()
                .map(KernelError::in_full)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Ok(_) => SCOPES.there(match governed.len() {
            1 => "1 cgroup".to_owned(),
            count => format!("{count} cgroups"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_of_version_1_are_counted() {
        let mountinfo = "\
            24 30 0:22 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n\
            25 24 0:23 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            26 24 0:24 / /sys/fs/cgroup/unified rw shared:6 - cgroup2 cgroup2 rw\n";
        assert_eq!(version_1(mountinfo), 1);
        assert_eq!(version_1(""), 0);
    }
}
