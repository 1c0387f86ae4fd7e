//! Who opened a connection.

use std::collections::BTreeMap;
use std::fmt;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its service account.
    pub service_account: Box<str>,
    /// Its labels.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// What made it, such as a Deployment; `None`: it stands for itself.
    pub workload: Option<Workload>,
    /// What its namespace's label says; `None`: nothing, and what the configuration says holds.
    pub mode: Option<PodMode>,
}

impl Pod {
    /// The name of its workload, or its own if it stands for itself, as Istio has it.
    pub fn workload_name(&self) -> &str {
        let workload = self.workload.as_ref();
        workload.map_or(&self.name, |workload| &workload.name)
    }
}

impl fmt::Display for Pod {
    /// As `namespace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What pods are made by and for, such as a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// As in `Deployment`.
    pub kind: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// What is done with the connections of a namespace's pods: its label `egress-gateway/mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodMode {
    /// What is denied does not leave.
    Enforce,
    /// What would be denied leaves, and is recorded.
    Audit,
    /// They are not governed.
    Off,
}

impl Caller {
    /// The same caller, known to be in this pod.
    pub fn in_pod(&self, pod: Arc<Pod>) -> Self {
        Self {
            pod: Some(pod),
            ..self.clone()
        }
    }

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
