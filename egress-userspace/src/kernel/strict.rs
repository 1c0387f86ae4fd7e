//! The host side of governed namespaces' veths: programs on each, pinned like all others.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use aya::Ebpf;
use aya::programs::links::FdLink;
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, Program, ProgramError, SchedClassifier, TcAttachType};
use aya::util::KernelVersion;
use tracing::warn;

use crate::net::{self, Veth};
use crate::types::CgroupId;

use super::KernelError;
use super::error::Failure;
use super::fill::Known;
use super::peers::{Peers, Quotas};
use super::pins::Pins;
use super::pods::PodScopes;

/// Learns who may be answered; on the way into the namespace.
const LEARN: Hook = Hook {
    program: "egress_veth_in",
    side: TcAttachType::Egress,
};
/// Judges what comes out.
const JUDGE: Hook = Hook {
    program: "egress_veth_out",
    side: TcAttachType::Ingress,
};

/// Links of programs to devices (TCX) are from Linux 6.6.
const TCX_SINCE: KernelVersion = KernelVersion::new(6, 6, 0);

/// A program, and which way the packets that it sees go, as the host side of the veth has it.
#[derive(Clone, Copy)]
struct Hook {
    program: &'static str,
    side: TcAttachType,
}

/// Puts the programs on veths.
pub struct Strict {
    learn: SchedClassifier,
    judge: SchedClassifier,
    quotas: Arc<Quotas>,
    scopes: PodScopes,
    /// `None`: nothing is pinned, and the programs go with the gateway.
    pins: Option<Pins>,
    guarded: HashMap<u32, Guarded>,
}

/// What a guarded veth has. Links that are pinned need nobody to hold them.
struct Guarded {
    _links: Vec<FdLink>,
}

impl Strict {
    /// Loads the programs; `None`, with a warning, where the kernel cannot attach them.
    pub(super) fn load(ebpf: &mut Ebpf) -> Result<bool, KernelError> {
        if KernelVersion::current().is_ok_and(|kernel| kernel < TCX_SINCE) {
            warn!(
                "strict is not possible below Linux 6.6: frames from raw packet sockets, and of guests, in governed namespaces are not judged"
            );
            return Ok(false);
        }
        for hook in [LEARN, JUDGE] {
            classifier(ebpf, hook)?
                .load()
                .map_err(|error| failed(hook, "load", error.into()))?;
        }
        Ok(true)
    }

    /// Takes the loaded programs. `pins`: where they stay attached without a gateway.
    pub(super) fn new(
        ebpf: &mut Ebpf,
        pins: Option<Pins>,
        known: Arc<Known>,
        scopes: PodScopes,
    ) -> Result<(Self, Peers), KernelError> {
        let (quotas, peers) = Peers::new(ebpf, known)?;
        let strict = Self {
            learn: own(ebpf, LEARN)?,
            judge: own(ebpf, JUDGE)?,
            quotas,
            scopes,
            pins,
            guarded: HashMap::new(),
        };
        Ok((strict, peers))
    }

    /// Judges from now on what comes out of a veth, whose other end is in the namespace with the cookie
    /// `netns`, where the processes of `cgroup` are.
    pub fn guard(&mut self, veth: &Veth, netns: u64, cgroup: CgroupId) -> Result<(), KernelError> {
        if self.guarded.contains_key(&veth.index) {
            return Ok(());
        }
        let pod = self.scopes.pod_of(cgroup);
        self.quotas.admit(veth.index, netns, cgroup, pod)?;
        let pins = self.pins.as_ref();
        // Who may be answered is known before answers are judged.
        let links = [
            attach(&mut self.learn, LEARN, veth, pins)?,
            attach(&mut self.judge, JUDGE, veth, pins)?,
        ];
        let links = links.into_iter().flatten().collect();
        self.guarded.insert(veth.index, Guarded { _links: links });
        Ok(())
    }

    /// Lets go of all veths but `there`, by index: their devices are gone.
    pub fn retain(&mut self, there: &[u32]) -> Result<(), KernelError> {
        let gone: Vec<_> = self
            .guarded
            .keys()
            .filter(|index| !there.contains(index))
            .copied()
            .collect();
        for index in gone {
            self.guarded.remove(&index);
            self.quotas.dismiss(index)?;
            if let Some(pins) = &self.pins {
                pins.unpin(&LEARN.name(index))?;
                pins.unpin(&JUDGE.name(index))?;
            }
        }
        Ok(())
    }

    /// Lets go of what a gateway before this one guarded, and this one does not.
    pub fn forget_others(&self) -> Result<(), KernelError> {
        let Some(pins) = &self.pins else {
            return Ok(());
        };
        let is_guarded = |index| self.guarded.contains_key(&index);
        self.quotas.retain(is_guarded)?;
        remove_pins(pins, is_guarded)
    }
}

/// Lets go of what a gateway before this one guarded: this one is not strict.
pub(super) fn forget_all(pins: &Pins) -> Result<(), KernelError> {
    remove_pins(pins, |_| false)
}

fn remove_pins(pins: &Pins, stays: impl Fn(u32) -> bool) -> Result<(), KernelError> {
    for name in pins
        .links_like(JUDGE.program)?
        .iter()
        .chain(&pins.links_like(LEARN.program)?)
    {
        let index = name
            .rsplit_once('-')
            .and_then(|(_, index)| index.parse().ok());
        if !index.is_some_and(&stays) {
            pins.unpin(name)?;
        }
    }
    Ok(())
}

impl Hook {
    /// The name of the pin for one device.
    fn name(self, index: u32) -> String {
        format!("{}-{index}", self.program)
    }
}

/// Attaches a program to a device; one that a gateway before this one left there is replaced in place.
/// The link, unless it is pinned.
fn attach(
    program: &mut SchedClassifier,
    hook: Hook,
    veth: &Veth,
    pins: Option<&Pins>,
) -> Result<Option<FdLink>, KernelError> {
    let Some(pins) = pins else {
        return link(program, hook, veth).map(Some);
    };
    let name = hook.name(veth.index);
    let pin = |source| KernelError::Pin {
        path: pins.link(&name),
        source,
    };
    if let Some(link) = pins.pinned(&name)? {
        let failed = |error: ProgramError| failed(hook, "attach", error.into());
        match net::update_link(&link, program.fd().map_err(failed)?) {
            Ok(()) => return Ok(None),
            // The device of that index is another than it was.
            Err(error) if error.raw_os_error() == Some(libc::ENOLINK) => pins.unpin(&name)?,
            Err(source) => return Err(pin(source)),
        }
    }
    let pinned = link(program, hook, veth)?.pin(pins.link(&name));
    pinned
        .map(|_link| None)
        .map_err(|error| pin(io::Error::other(error)))
}

fn link(program: &mut SchedClassifier, hook: Hook, veth: &Veth) -> Result<FdLink, KernelError> {
    // First: what another program redirects is not seen by those after it.
    let first = TcAttachOptions::TcxOrder(LinkOrder::first());
    let attach = || -> Result<FdLink, Failure> {
        let id = program.attach_with_options(&veth.name, hook.side, first)?;
        Ok(program.take_link(id)?.try_into()?)
    };
    attach().map_err(|source| failed(hook, "attach", source))
}

/// A handle of one's own to a loaded program: the object is the kernel side's.
fn own(ebpf: &mut Ebpf, hook: Hook) -> Result<SchedClassifier, KernelError> {
    let program = classifier(ebpf, hook)?;
    program
        .info()
        .and_then(|info| SchedClassifier::from_program_info(info, hook.program.into()))
        .map_err(|error| failed(hook, "load", error.into()))
}

fn classifier(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut SchedClassifier, KernelError> {
    let name = hook.program;
    let program = ebpf.program_mut(name).ok_or(KernelError::Missing {
        kind: "program",
        name,
    })?;
    match program {
        Program::SchedClassifier(program) => Ok(program),
        _ => Err(failed(
            hook,
            "load",
            ProgramError::UnexpectedProgramType.into(),
        )),
    }
}

fn failed(hook: Hook, step: &'static str, source: Failure) -> KernelError {
    KernelError::Program {
        program: hook.program,
        step,
        source,
    }
}
