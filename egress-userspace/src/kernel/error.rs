//! What can go wrong on the kernel side.

use std::io;
use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use ipnet::IpNet;

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
    /// An internal prefix that the table refused.
    #[error("internal prefix {net}")]
    Internal {
        /// The prefix.
        net: IpNet,
        /// Why.
        #[source]
        source: MapError,
    },
    /// The verifier refused a program, or it could not be attached.
    #[error("kernel program {program}: {step}")]
    Program {
        /// The program.
        program: &'static str,
        /// `load` or `attach`.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<ProgramError>,
    },
    /// No cgroup v2 hierarchy.
    #[error("no cgroup v2 hierarchy is mounted (see /proc/self/mountinfo)")]
    NoHierarchy,
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
