//! Who opened a connection.

use std::path::PathBuf;
use std::sync::Arc;

use super::CgroupId;

/// The process that called `connect()`, as the kernel saw it.
///
/// The cgroup is the identity. The rest are hints: a process may have changed its name since, or be
/// gone, and then what could not be read is `None`.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Process id in the gateway's PID namespace.
    pub pid: u32,
    /// Real user id.
    pub uid: u32,
    /// The thread's name, at most 15 bytes.
    pub comm: String,
    /// The executable's path.
    pub exe: Option<PathBuf>,
    /// The cgroup at the time of the call.
    pub cgroup: CgroupId,
    /// The cgroup's path below the cgroup v2 mount, starting with `/`.
    pub cgroup_path: Option<Arc<str>>,
}
