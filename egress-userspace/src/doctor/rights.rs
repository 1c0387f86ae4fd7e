//! What this process may do beyond its capabilities.

use std::fs::{self, File};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::resource::{Resource, getrlimit};

use crate::config::{Config, Limits};
use crate::settings;

use super::check::{Check, Subject};

const FILES: Subject = Subject {
    name: "open files",
    needed: false,
    with: "the limit suffices for the connections that [limits] admits",
    without: "connections are refused before [limits] connections is reached",
    fix: "raise LimitNOFILE (ulimit -Hn), or lower [limits] connections",
};

const SETNS: Subject = Subject {
    name: "setns",
    needed: true,
    with: "listeners can be made in other network namespaces",
    without: "no listener can be made in another network namespace: pods have no way out",
    fix: "run as root in the host's user namespace, without a seccomp filter on setns",
};

const PROCESSES: Subject = Subject {
    name: "PID namespace",
    needed: false,
    with: "every process, and so every network namespace, can be found",
    without: "processes outside of this container can't be found: connections from their network \
              namespaces wait in vain",
    fix: "run in the host's PID namespace (hostPID: true)",
};

const USERS: Subject = Subject {
    name: "user namespace",
    needed: true,
    with: "capabilities count for the whole machine",
    without: "capabilities count for this user namespace only, and BPF asks for them in the first",
    fix: "run in the host's user namespace",
};

/// Inodes of the first namespaces (`PROC_PID_INIT_INO` and `PROC_USER_INIT_INO` of
/// `linux/proc_ns.h`).
const FIRST_PID: &str = "pid:[4026531836]";
const FIRST_USER: &str = "user:[4026531837]";

pub(super) fn checks(config: Option<&Config>) -> Vec<Check> {
    vec![
        first_of(&USERS, "user", FIRST_USER),
        first_of(&PROCESSES, "pid", FIRST_PID),
        enters(),
        files(config),
    ]
}

fn first_of(subject: &Subject, kind: &str, first: &str) -> Check {
    let own = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
    let is_first = own.as_os_str() == first;
    subject.is(
        is_first,
        if is_first {
            "the host's"
        } else {
            "a container's"
        },
    )
}

/// Enters the network namespace that this process is in, which asks for the same rights as another.
fn enters() -> Check {
    let visit = thread::spawn(|| {
        let own = File::open("/proc/self/ns/net")?;
        setns(own, CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from)
    });
    match visit.join() {
        Ok(Ok(())) => SETNS.there("permitted"),
        Ok(Err(error)) => SETNS.lacking(error.to_string()),
        Err(_) => SETNS.lacking("the thread panicked"),
    }
}

fn files(config: Option<&Config>) -> Check {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    let limits = config.map_or_else(Limits::default, |config| config.limits.clone());
    let listeners = config.map_or(&[][..], |config| &config.listeners);
    let needed = settings::descriptors(&limits, listeners);
    FILES.is(limit >= needed, format!("{limit} at most, {needed} needed"))
}
