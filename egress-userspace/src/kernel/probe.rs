//! What this kernel can do, by trying. Nothing that is tried stays.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use aya::EbpfLoader;
use aya::maps::MapType;
use aya::programs::tc::TcAttachType;
use aya::programs::{ProgramError, ProgramType, SchedClassifier};
use aya::sys::{BpfHelper, is_helper_supported, is_map_supported};

use super::object::EmbeddedObject;
use super::strict::Strict;
use super::visible::Visible;
use super::{Hierarchy, KernelError, programs};

/// What a gateway asks of a kernel beyond its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Ring buffers (5.8).
    RingBuffer,
    /// Storage on sockets, in programs on `connect()` (5.3).
    SocketStorage,
    /// The cookie of a network namespace, in `sockops` programs (5.15).
    NamespaceCookie,
    /// The errno of a refused call chosen by the program (5.18).
    ChosenErrno,
    /// Programs on network interfaces with links (6.6).
    Tcx,
}

impl Feature {
    /// Whether the kernel has it. An error: it can't be told, most often for want of privileges.
    pub fn is_there(self) -> io::Result<bool> {
        let helper =
            |program, helper| is_helper_supported(program, helper).map_err(io::Error::other);
        match self {
            Self::RingBuffer => is_map_supported(MapType::RingBuf).map_err(io::Error::other),
            Self::SocketStorage => helper(
                ProgramType::CgroupSockAddr,
                BpfHelper::BPF_FUNC_sk_storage_get,
            ),
            Self::NamespaceCookie => {
                helper(ProgramType::SockOps, BpfHelper::BPF_FUNC_get_netns_cookie)
            }
            Self::ChosenErrno => {
                helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_set_retval)
            }
            Self::Tcx => tcx(),
        }
    }
}

/// Every network namespace has the loopback interface, and a kernel without TCX knows no such hook.
fn tcx() -> io::Result<bool> {
    match SchedClassifier::query_tcx("lo", TcAttachType::Ingress) {
        Ok(_) => Ok(true),
        Err(ProgramError::SyscallError(error))
            if error.io_error.raw_os_error() == Some(libc::EINVAL) =>
        {
            Ok(false)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Hands the embedded programs to this kernel's verifier and lets go of them again.
pub fn verify() -> Result<(), KernelError> {
    let object = EmbeddedObject::get()?;
    let mut ebpf = EbpfLoader::new()
        .load(object.bytes())
        .map_err(KernelError::Load)?;
    programs::load(&mut ebpf)?;
    Strict::load(&mut ebpf).map(|_is_possible| ())
}

/// Where the cgroup v2 hierarchy is mounted.
pub fn cgroups() -> Result<PathBuf, KernelError> {
    Hierarchy::find()?.attach_point(None)
}

/// Whether a cgroup's path can be found by its id, which takes `open_by_handle_at`.
pub fn names_cgroups() -> Result<bool, KernelError> {
    let hierarchy = Hierarchy::find()?;
    let root = hierarchy.id(Path::new("/"))?;
    Ok(hierarchy.path(root).is_some())
}

/// Why each cgroup in `governed` that can't be governed can't. An error: none can by a gateway that is
/// in this process's cgroup.
pub fn out_of_scope(
    attach: Option<&Path>,
    governed: &BTreeSet<PathBuf>,
) -> Result<Vec<KernelError>, KernelError> {
    let hierarchy = Hierarchy::find()?;
    let visible = Visible::new(&hierarchy, hierarchy.attach_point(attach)?)?;
    Ok(governed
        .iter()
        .filter_map(|path| visible.id(&hierarchy, path).err())
        .collect())
}
