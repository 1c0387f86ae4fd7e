//! Who opened a connection.

use std::collections::BTreeMap;
use std::path::Path;
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
    /// The executable's path.
    pub exe: Option<Arc<Path>>,
    /// The cgroup at the time of the call.
    pub cgroup: CgroupId,
    /// The cgroup's path below the cgroup v2 mount, starting with `/`.
    pub cgroup_path: Option<Arc<str>>,
    /// The pod that it runs in; `None`: it is in none, or that is not known.
    pub pod: Option<Arc<Pod>>,
}

/// A pod, as the cluster's API describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its service account.
    pub service_account: Box<str>,
    /// Its labels.
    pub labels: BTreeMap<Box<str>, Box<str>>,
}

impl Caller {
    /// A caller of whom nothing is known but its cgroup.
    pub fn unknown(cgroup: CgroupId) -> Self {
        Self {
            pid: 0,
            uid: u32::MAX,
            exe: None,
            cgroup,
            cgroup_path: None,
            pod: None,
        }
    }
}
