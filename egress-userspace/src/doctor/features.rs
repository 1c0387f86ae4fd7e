//! What the kernel's BPF can do, by trying it.

use std::fs;

use crate::kernel::probe::{self, Feature};
use crate::net;

use super::check::{Check, Subject};

const VERIFIER: Subject = Subject {
    name: "programs",
    needed: true,
    with: "this kernel's verifier accepts the gateway's programs",
    without: "the gateway's programs can't be loaded: nothing can be enforced",
    fix: "run as root; if it is the verifier that refuses them, report it with this kernel's release",
};

/// Each feature with what it is for.
const FEATURES: [(Feature, Subject); 5] = [
    (
        Feature::RingBuffer,
        Subject {
            name: "ring buffer",
            needed: true,
            with: "refusals reach the access log, and new namespaces get listeners",
            without: "the programs can't tell the gateway of new namespaces or of refusals",
            fix: "boot a kernel of 5.15 or later",
        },
    ),
    (
        Feature::SocketStorage,
        Subject {
            name: "socket storage",
            needed: true,
            with: "a connection's record lies on its socket, where no other process can reach it",
            without: "the original destination of a connection can't be kept",
            fix: "boot a kernel of 5.15 or later",
        },
    ),
    (
        Feature::NamespaceCookie,
        Subject {
            name: "namespace cookie",
            needed: true,
            with: "clients of every network namespace are told apart",
            without: "connections of different network namespaces can't be told apart",
            fix: "boot a kernel of 5.15 or later",
        },
    ),
    (
        Feature::ChosenErrno,
        Subject {
            name: "chosen errno",
            needed: false,
            with: "the errno of a refused call can be chosen (bpf_set_retval)",
            without: "what the kernel refuses fails with EPERM, and no other errno can be chosen",
            fix: "boot a kernel of 5.18 or later",
        },
    ),
    (
        Feature::Tcx,
        Subject {
            name: "TCX",
            needed: false,
            with: "strict mode filters the host side of governed namespaces' veths",
            without: "strict mode can't work: raw frames (AF_PACKET) and guests' packets leave unseen",
            fix: "boot a kernel of 6.6 or later, or take CAP_NET_RAW from governed processes",
        },
    ),
];

const LSM: Subject = Subject {
    name: "BPF LSM",
    needed: false,
    with: "not used by the gateway; other tools can refuse AF_PACKET and AF_VSOCK sockets with it",
    without: "not used by the gateway; other tools can't refuse AF_PACKET or AF_VSOCK sockets with it",
    fix: "add bpf to the kernel's lsm= parameter",
};

const UNPRIVILEGED: Subject = Subject {
    name: "unprivileged BPF",
    needed: false,
    with: "only privileged processes may load programs",
    without: "any process may load programs: more of the kernel is open to attack",
    fix: "sysctl kernel.unprivileged_bpf_disabled=1",
};

const RING: Subject = Subject {
    name: "io_uring",
    needed: false,
    with: "short messages of many relayed connections are sent together, with one call",
    without: "each message is sent by a call of its own: busy connections get fewer of them through",
    fix: "sysctl kernel.io_uring_disabled=0, and a seccomp filter that allows io_uring_setup and io_uring_enter",
};

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![verifier()];
    checks.extend(
        FEATURES
            .iter()
            .map(|(feature, subject)| check(*feature, subject)),
    );
    checks.extend([ring(), lsm(), unprivileged()]);
    checks
}

fn verifier() -> Check {
    match probe::verify() {
        Ok(()) => VERIFIER.there("accepted"),
        Err(error) => VERIFIER.lacking(error.in_full()),
    }
}

fn check(feature: Feature, subject: &Subject) -> Check {
    match feature.is_there() {
        Ok(true) => subject.there("in this kernel"),
        Ok(false) => subject.lacking("not in this kernel"),
        Err(error) => subject.lacking(format!("can't be told: {error}")),
    }
}

fn ring() -> Check {
    match net::can_gather() {
        Ok(()) => RING.there("at hand"),
        Err(error) => RING.lacking(error.to_string()),
    }
}

fn lsm() -> Check {
    // The file is there only where securityfs is mounted.
    match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(active) => LSM.is(
            active.trim().split(',').any(|name| name == "bpf"),
            active.trim(),
        ),
        Err(_) => LSM.lacking("can't be told: securityfs is not mounted"),
    }
}

fn unprivileged() -> Check {
    match fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").as_deref() {
        // Without the file there is no way to allow it.
        Err(_) => UNPRIVILEGED.there("disabled"),
        Ok(value) => UNPRIVILEGED.is(value.trim() != "0", value.trim()),
    }
}
