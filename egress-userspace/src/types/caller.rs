//! Who opened a connection.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::{CgroupId, Mode};

/// The process that called `connect()`, as the kernel saw it; or somebody of another node, who came to a
/// listener: then `remote` says how, and there is no process and no cgroup.
///
/// The cgroup is the identity. The rest are hints: a process may have changed its name since, or be
/// gone, and then what could not be read is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What holds for a pod of which nothing is known; `None`: what the policy says.
    pub held: Option<PodMode>,
    /// How it came, if it is not of this node.
    pub remote: Option<Remote>,
}

/// How a caller came that is not of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The listener that it came to.
    pub listener: Arc<str>,
    /// Its address, which one that is believed may have told.
    pub address: IpAddr,
    /// Whether a certificate says who it is, whoever has its address.
    pub is_certified: bool,
}

/// What tells callers apart where each has its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKey {
    /// Of this node.
    Cgroup(CgroupId),
    /// Of another.
    Address(IpAddr),
}

/// A pod, as the cluster's API describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name; empty: only its namespace and service account are known, by a certificate or by the
    /// operator's own word.
    pub name: Box<str>,
    /// Its service account; empty: not known.
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
    pub fn workload_name(&self) -> Option<&str> {
        let workload = self.workload.as_ref();
        workload.map_or_else(|| self.known_name(), |workload| Some(&workload.name))
    }

    /// Its name, if it is known.
    pub fn known_name(&self) -> Option<&str> {
        Some(&*self.name).filter(|name| !name.is_empty())
    }

    /// Its service account, if it is known.
    pub fn known_service_account(&self) -> Option<&str> {
        Some(&*self.service_account).filter(|account| !account.is_empty())
    }

    /// Its labels, if they are known.
    pub fn known_labels(&self) -> Option<&BTreeMap<Box<str>, Box<str>>> {
        self.known_name().map(|_| &self.labels)
    }
}

impl fmt::Display for Pod {
    /// As `namespace/name`, or as its namespace alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.namespace)?;
        match self.known_name() {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
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
    #[must_use]
    pub fn in_pod(&self, pod: Arc<Pod>) -> Self {
        Self {
            pod: Some(pod),
            ..self.clone()
        }
    }

    /// What is done with its connections: as its pod's namespace says, or as is held of a pod that is not known, else
    /// as `policy` does. Who comes to a
    /// listener from another node asks to be judged: that its own node lets its namespace be opens no way out here.
    pub fn mode(&self, policy: Mode) -> PodMode {
        let said = self.pod.as_deref().map_or(self.held, |pod| pod.mode);
        let said = said.filter(|mode| self.remote.is_none() || *mode != PodMode::Off);
        said.unwrap_or(match policy {
            Mode::Enforce => PodMode::Enforce,
            Mode::Audit => PodMode::Audit,
        })
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
            held: None,
            remote: None,
        }
    }

    /// A caller of another node.
    pub fn remote(remote: Remote, pod: Option<Arc<Pod>>) -> Self {
        Self {
            pod,
            remote: Some(remote),
            ..Self::unknown(CgroupId(0))
        }
    }

    /// The same, if it is a process of this node.
    pub fn process(&self) -> Option<&Self> {
        self.remote.is_none().then_some(self)
    }

    /// Whose share its connections are of.
    pub fn key(&self) -> CallerKey {
        match &self.remote {
            Some(remote) => CallerKey::Address(remote.address),
            None => CallerKey::Cgroup(self.cgroup),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_of_a_pod_is_so_until_the_pod_is_known() {
        let unknown = Caller {
            held: Some(PodMode::Enforce),
            ..Caller::unknown(CgroupId(1))
        };
        assert_eq!(unknown.mode(Mode::Audit), PodMode::Enforce);
        let known = unknown.in_pod(Arc::default());
        assert_eq!(known.mode(Mode::Audit), PodMode::Audit);
    }
}
