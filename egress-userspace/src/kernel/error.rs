//! What can go wrong on the kernel side.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;

/// What aya says of a program: of its several kinds of errors, only the text matters.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// What can go wrong on the kernel side.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The binary was built from a checkout without a kernel object.
    #[error(
        "this binary has no kernel programs in it: run `cargo xtask build-ebpf`, then build it again"
    )]
    NoObject,
    /// The embedded file is not an ELF object, or lacks the ABI section.
    #[error("the embedded kernel object cannot be read: {0}")]
    BadObject(String),
    /// The object is of another version than the gateway.
    #[error(
        "the embedded kernel object has ABI version {found}, the gateway {expected}: run `cargo xtask build-ebpf`, then build it again"
    )]
    Abi {
        /// The object's version.
        found: u32,
        /// The gateway's version.
        expected: u32,
    },
    /// The kernel refused the object.
    #[error("loading the kernel programs")]
    Load(#[source] EbpfError),
    /// The object lacks something.
    #[error("the kernel object has no {kind} {name}")]
    Missing {
        /// `map` or `program`.
        kind: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// A map could not be used.
    #[error("kernel map {map}")]
    Map {
        /// The map.
        map: &'static str,
        /// Why.
        #[source]
        source: MapError,
    },
    /// More entries than a map holds.
    #[error("{given} {what} are configured; the kernel table holds {room}")]
    Full {
        /// What the entries are.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many there may be.
        room: usize,
    },
    /// A pin could not be made, read or removed.
    #[error("pin {path}")]
    Pin {
        /// The pin, or its directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Pins can only be in a BPF file system.
    #[error("{path} is not in a BPF file system: mount -t bpf bpf /sys/fs/bpf")]
    NotBpffs {
        /// The directory for pins.
        path: PathBuf,
    },
    /// The pinned programs are attached elsewhere.
    #[error(
        "the pinned programs are attached to another cgroup than {attach}: run `egress cleanup` first"
    )]
    AttachedElsewhere {
        /// The directory that they were to be attached to.
        attach: PathBuf,
    },
    /// Another gateway serves the pinned programs.
    #[error(
        "another gateway runs, with process id {pid}: start this one with --take-over, or end that one"
    )]
    Running {
        /// Its process id.
        pid: u32,
    },
    /// A gateway that pins nothing can't be taken over from.
    #[error(
        "the gateway with process id {pid} cannot be taken over from while on_exit is \"open\": end it first"
    )]
    NotPinned {
        /// Its process id.
        pid: u32,
    },
    /// The clock cannot be read.
    #[error("reading the monotonic clock")]
    Clock(#[source] nix::Error),
    /// A thread could not be started.
    #[error("starting a thread")]
    Thread(#[source] io::Error),
    /// The verifier refused a program, or it could not be attached.
    #[error("kernel program {program}: {step}")]
    Program {
        /// The program.
        program: &'static str,
        /// `load` or `attach`.
        step: &'static str,
        /// Why.
        #[source]
        source: Failure,
    },
    /// No cgroup v2 hierarchy.
    #[error("no cgroup v2 hierarchy is mounted (see /proc/self/mountinfo)")]
    NoHierarchy,
    /// The kernel has no way to choose an errno.
    #[error(
        "this kernel refuses with EPERM only: take [gateway] deny_errno out, or boot a kernel of 5.18 or later (bpf_set_retval)"
    )]
    NoChosenErrno,
    /// A cgroup directory could not be used.
    #[error("cgroup {path}")]
    Cgroup {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A governed cgroup that the programs would never see.
    #[error("the governed cgroup {path} is not in or below {attach}, to which the programs attach")]
    OutOfReach {
        /// The governed cgroup's directory.
        path: PathBuf,
        /// The directory that the programs attach to.
        attach: PathBuf,
    },
    /// A governed cgroup deeper than the programs look.
    #[error("the governed cgroup {path} is {depth} levels deep; the programs look at {most}")]
    TooDeep {
        /// The governed cgroup's directory.
        path: PathBuf,
        /// Its level below the root.
        depth: usize,
        /// How many levels they look at, the root's included.
        most: u32,
    },
    /// The programs would not see the gateway's own side of a connection.
    #[error(
        "the gateway runs in {path}, which is not in or below {attach}, to which the programs attach: start it there, in a cgroup of its own"
    )]
    OutsideItself {
        /// The gateway's cgroup directory.
        path: PathBuf,
        /// The directory that the programs attach to.
        attach: PathBuf,
    },
    /// The gateway would turn its own connections to itself.
    #[error(
        "the gateway runs in {path}, which is a governed cgroup: start it in a cgroup of its own"
    )]
    GovernsItself {
        /// The cgroup's directory.
        path: PathBuf,
    },
}

impl KernelError {
    /// The error with its causes, on one line: of a verifier's log, which goes on for pages, only the
    /// first is kept.
    pub fn in_full(&self) -> String {
        let mut causes = vec![self.to_string()];
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let whole = causes.join(": ");
        whole.lines().next().unwrap_or_default().to_owned()
    }
}
