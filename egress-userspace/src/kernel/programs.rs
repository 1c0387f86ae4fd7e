//! The programs: through the verifier, and onto one cgroup.

use std::fs::File;
use std::io;
use std::path::Path;

use aya::Ebpf;
use aya::programs::links::FdLink;
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError, RawTracePoint};
use tracing::warn;

use crate::net;

use super::KernelError;
use super::error::Failure;
use super::pins::Pins;

/// In this order: the record has a way to the gateway, and the backstop is there, before the first
/// connection is turned to it.
pub(super) const PROGRAMS: [&str; 13] = [
    "egress_sockops",
    "egress_getpeername4",
    "egress_getpeername6",
    "egress_recvmsg4",
    "egress_recvmsg6",
    "egress_packet",
    "egress_socket",
    "egress_sendmsg4",
    "egress_sendmsg6",
    "egress_bind4",
    "egress_bind6",
    "egress_connect4",
    "egress_connect6",
];

/// Sees what begins: has listeners made before they are needed, and what was known of the process forgotten. It is
/// not pinned, nor is the next: while no gateway runs nobody makes listeners, or asks what a process runs.
const EXEC: &str = "egress_exec";
const EXEC_TRACEPOINT: &str = "sched_process_exec";
/// Sees what ends.
const EXIT: &str = "egress_exit";
const EXIT_TRACEPOINT: &str = "sched_process_exit";

/// A link always coexists with other programs of its hook; aya's other modes set a flag that
/// `BPF_LINK_CREATE` refuses.
const MODE: CgroupAttachMode = CgroupAttachMode::Single;

/// Hands every program to the verifier. Must come before a map is let go: until it is loaded, a
/// program knows its maps by descriptor only.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<(), KernelError> {
    each(ebpf, "load", |program| match program {
        Program::SockOps(program) => Ok(program.load()?),
        Program::CgroupSockAddr(program) => Ok(program.load()?),
        Program::CgroupSock(program) => Ok(program.load()?),
        Program::CgroupSkb(program) => Ok(program.load()?),
        _ => Err(ProgramError::UnexpectedProgramType.into()),
    })
}

/// Attaches every program to the cgroup at `directory`. One that is attached already, by a gateway
/// before this one, is replaced in its place: no connection goes by unjudged.
///
/// Gives the links that are not pinned: what they attach is attached as long as they are held.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    directory: &Path,
    pins: Option<&Pins>,
) -> Result<Vec<FdLink>, KernelError> {
    let cgroup = File::open(directory).map_err(|source| KernelError::Cgroup {
        path: directory.to_owned(),
        source,
    })?;
    let mut held = Vec::new();
    for name in PROGRAMS {
        if let Some(pins) = pins {
            keep(ebpf, name, &cgroup, pins)?;
        } else {
            let link = with(ebpf, name, "attach", |program| attach_one(program, &cgroup))?;
            held.push(link);
        }
    }
    Ok(held)
}

/// What sees processes begin and end, for as long as it is held.
pub(super) struct Watchers {
    pub(super) links: Vec<FdLink>,
    /// Both are seen: what a process runs can be remembered.
    pub(super) see_all: bool,
}

/// Loads and attaches the programs that see what begins and ends. Where one can't be there is a warning: all that is
/// lost is that the first question of a network namespace may fail, or that each caller's executable is looked for anew.
pub(super) fn watch(ebpf: &mut Ebpf) -> Watchers {
    let began = watch_one(ebpf, EXEC, EXEC_TRACEPOINT).inspect_err(|error| {
        warn!(
            error = error.in_full(),
            "the first question for a name in a new network namespace may fail"
        );
    });
    let ended = watch_one(ebpf, EXIT, EXIT_TRACEPOINT).inspect_err(|error| {
        warn!(
            error = error.in_full(),
            "what a process runs is looked for at each of its connections"
        );
    });
    Watchers {
        see_all: began.is_ok() && ended.is_ok(),
        links: began.into_iter().chain(ended).collect(),
    }
}

fn watch_one(ebpf: &mut Ebpf, name: &'static str, tracepoint: &str) -> Result<FdLink, KernelError> {
    with(ebpf, name, "attach", |program| {
        let program: &mut RawTracePoint = program.try_into()?;
        program.load()?;
        let id = program.attach(tracepoint)?;
        Ok(program.take_link(id)?.into())
    })
}

/// Whether programs stayed attached when the gateway before this one went, or are attached by it.
pub(super) fn are_pinned(pins: &Pins) -> Result<bool, KernelError> {
    for name in PROGRAMS {
        if pins.pinned(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets go of what is pinned: it stays attached only as long as a process holds it.
pub(super) fn unpin(pins: &Pins) -> Result<(), KernelError> {
    PROGRAMS.iter().try_for_each(|name| pins.unpin(name))
}

/// Attaches a program so that it stays when this process goes.
fn keep(
    ebpf: &mut Ebpf,
    name: &'static str,
    cgroup: &File,
    pins: &Pins,
) -> Result<(), KernelError> {
    if let Some(link) = pins.pinned(name)? {
        let program = with(ebpf, name, "attach", |program| {
            Ok(program.fd()?.try_clone()?)
        })?;
        match net::update_link(&link, &program) {
            Ok(()) => return Ok(()),
            // The cgroup that it was attached to is gone, and the link with it.
            Err(error) if error.raw_os_error() == Some(libc::ENOLINK) => pins.unpin(name)?,
            Err(source) => {
                return Err(KernelError::Pin {
                    path: pins.link(name),
                    source,
                });
            }
        }
    }
    let link = with(ebpf, name, "attach", |program| attach_one(program, cgroup))?;
    link.pin(pins.link(name))
        .map(|_pinned| ())
        .map_err(|error| KernelError::Pin {
            path: pins.link(name),
            source: io::Error::other(error),
        })
}

fn attach_one(program: &mut Program, cgroup: &File) -> Result<FdLink, Failure> {
    match program {
        Program::SockOps(program) => {
            let id = program.attach(cgroup, MODE)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup, MODE)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Program::CgroupSock(program) => {
            let id = program.attach(cgroup, MODE)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Program::CgroupSkb(program) => {
            let id = program.attach(cgroup, CgroupSkbAttachType::Egress, MODE)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        _ => Err(ProgramError::UnexpectedProgramType.into()),
    }
}

fn each(
    ebpf: &mut Ebpf,
    step: &'static str,
    run: impl Fn(&mut Program) -> Result<(), Failure>,
) -> Result<(), KernelError> {
    PROGRAMS
        .iter()
        .try_for_each(|name| with(ebpf, name, step, &run))
}

fn with<T>(
    ebpf: &mut Ebpf,
    name: &'static str,
    step: &'static str,
    run: impl FnOnce(&mut Program) -> Result<T, Failure>,
) -> Result<T, KernelError> {
    let program = ebpf.program_mut(name).ok_or(KernelError::Missing {
        kind: "program",
        name,
    })?;
    run(program).map_err(|source| KernelError::Program {
        program: name,
        step,
        source,
    })
}
