//! The programs: through the verifier, and onto one cgroup.

use std::fs::File;
use std::path::Path;

use aya::Ebpf;
use aya::programs::{CgroupAttachMode, Program, ProgramError};

use super::KernelError;

/// In this order: the record has a way to the gateway before the first connection is turned to it.
const PROGRAMS: [&str; 5] = [
    "egress_sockops",
    "egress_getpeername4",
    "egress_getpeername6",
    "egress_connect4",
    "egress_connect6",
];

/// A link always coexists with other programs of its hook; aya's other modes set a flag that
/// `BPF_LINK_CREATE` refuses.
const MODE: CgroupAttachMode = CgroupAttachMode::Single;

/// Hands every program to the verifier. Must come before a map is let go: until it is loaded, a
/// program knows its maps by descriptor only.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<(), KernelError> {
    each(ebpf, "load", |program| match program {
        Program::SockOps(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    })
}

/// Attaches every program to the cgroup at `directory`.
pub(super) fn attach(ebpf: &mut Ebpf, directory: &Path) -> Result<(), KernelError> {
    let cgroup = File::open(directory).map_err(|source| KernelError::Cgroup {
        path: directory.to_owned(),
        source,
    })?;
    each(ebpf, "attach", |program| match program {
        Program::SockOps(program) => program.attach(&cgroup, MODE).map(|_link| ()),
        Program::CgroupSockAddr(program) => program.attach(&cgroup, MODE).map(|_link| ()),
        _ => Err(ProgramError::UnexpectedProgramType),
    })
}

fn each(
    ebpf: &mut Ebpf,
    step: &'static str,
    run: impl Fn(&mut Program) -> Result<(), ProgramError>,
) -> Result<(), KernelError> {
    for name in PROGRAMS {
        let program = ebpf.program_mut(name).ok_or(KernelError::Missing {
            kind: "program",
            name,
        })?;
        run(program).map_err(|source| KernelError::Program {
            program: name,
            step,
            source: Box::new(source),
        })?;
    }
    Ok(())
}
