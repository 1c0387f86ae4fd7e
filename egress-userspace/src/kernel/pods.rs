//! Pods in the kernel's table of governed cgroups: what holds for each of them alone.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egress_common::Governance;
use tokio::sync::watch;

use super::cgroup::id_of;
use super::scope::{Governed, Held};
use super::{Hierarchy, KernelError};
use crate::types::{CgroupId, PodMode, PodUid};

/// How far below a governed cgroup pods are looked for: `kubelet.slice` of kind has them three levels below, a root
/// of all cgroups four.
const LEVELS: usize = 4;

/// Tells which pod a cgroup is in or below, by its path below the mount.
#[derive(Clone)]
pub struct PodPaths(Arc<PodOf>);

type PodOf = dyn Fn(&str) -> Option<PodUid> + Send + Sync;

/// A pod's cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodCgroup {
    /// The pod.
    pub uid: PodUid,
    /// Its path below the mount.
    pub path: PathBuf,
    /// Its id.
    pub id: CgroupId,
}

/// What was found below a directory.
#[derive(Debug, Default)]
struct Found {
    pods: Vec<PodCgroup>,
    around: Vec<PathBuf>,
}

/// Says what holds for pods.
#[derive(Clone, Debug)]
pub struct PodScopes {
    hierarchy: Arc<Hierarchy>,
    governed: Arc<Mutex<Governed>>,
    directories: watch::Sender<Vec<PathBuf>>,
    paths: Option<PodPaths>,
}

impl PodPaths {
    /// `pod` gives the same for a path and for all below it, whatever they are called.
    pub fn new(pod: impl Fn(&str) -> Option<PodUid> + Send + Sync + 'static) -> Self {
        Self(Arc::new(pod))
    }

    /// The pod of a path.
    fn of(&self, path: &Path) -> Option<PodUid> {
        self.0(path.to_str()?)
    }

    /// Whether it is a pod's own path, and none below.
    pub(super) fn is_pod(&self, path: &Path) -> bool {
        let is_in_pod = |path: &Path| self.of(path).is_some();
        is_in_pod(path) && !path.parent().is_some_and(is_in_pod)
    }
}

impl fmt::Debug for PodPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PodPaths").finish_non_exhaustive()
    }
}

impl Found {
    /// Looks in a directory, and `levels` further down. Not in pods: what is in there a pod may have made, and
    /// called as it likes.
    fn look(
        &mut self,
        directory: &Path,
        levels: usize,
        paths: &PodPaths,
        below: &impl Fn(&Path) -> PathBuf,
    ) {
        let path = below(directory);
        if let Some(uid) = paths.of(&path) {
            // One that is gone by now has no processes.
            if let Ok(id) = id_of(directory) {
                self.pods.push(PodCgroup { uid, path, id });
            }
            return;
        }
        self.around.push(directory.to_owned());
        let Some(levels) = levels.checked_sub(1) else {
            return;
        };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            self.look(&entry.path(), levels, paths, below);
        }
    }
}

impl PodScopes {
    pub(super) fn new(
        hierarchy: Arc<Hierarchy>,
        governed: Arc<Mutex<Governed>>,
        directories: watch::Sender<Vec<PathBuf>>,
        paths: Option<PodPaths>,
    ) -> Self {
        Self {
            hierarchy,
            governed,
            directories,
            paths,
        }
    }

    /// The pods' cgroups below those that are governed, and the directories in which they come and go.
    pub fn find(&self) -> (Vec<PodCgroup>, Vec<PathBuf>) {
        let mut found = Found::default();
        if let Some(paths) = &self.paths {
            let below = |directory: &Path| self.hierarchy.below(directory);
            // A copy: who changes them does not wait for the look.
            let directories = self.directories.borrow().clone();
            for directory in &directories {
                found.look(directory, LEVELS, paths, &below);
            }
        }
        (found.pods, found.around)
    }

    /// The pods that have entries, also those of a gateway before this one.
    pub fn held(&self) -> BTreeMap<PathBuf, Option<PodMode>> {
        let governed = self.lock();
        let held = governed.pods().iter();
        held.map(|(path, held)| (path.clone(), mode(held.governance)))
            .collect()
    }

    /// Says what holds for a pod; `None`: what the policy says. Whether that is news.
    pub fn hold(&self, pod: &PodCgroup, mode: Option<PodMode>) -> Result<bool, KernelError> {
        let held = Held {
            id: pod.id.0,
            governance: governance(mode),
        };
        self.lock().hold(&pod.path, held)
    }

    /// Forgets the pod at a path: what holds above it holds for it too.
    pub fn let_go(&self, path: &Path) -> Result<(), KernelError> {
        self.lock().let_go(path)
    }

    /// Has the processes of pods be looked for that were not governed before.
    pub fn look_again(&self) {
        self.directories.send_modify(|_| {});
    }

    /// What the entry says of the pod that a cgroup is in, by the cgroup's path; `None`: what the policy says.
    pub fn at(&self, path: &str) -> Option<PodMode> {
        self.lock().at(Path::new(path)).and_then(mode)
    }

    /// Whether a cgroup is in a pod that is not governed.
    pub fn is_off(&self, cgroup: CgroupId) -> bool {
        let Some(path) = self.hierarchy.path(cgroup) else {
            return false;
        };
        self.lock().at(Path::new(&*path)) == Some(Governance::Off)
    }

    /// The cgroup of the pod that a cgroup is in or below; `None`: it is in none.
    pub(super) fn pod_of(&self, cgroup: CgroupId) -> Option<CgroupId> {
        let paths = self.paths.as_ref()?;
        let path = self.hierarchy.path(cgroup)?;
        let pod = Path::new(&*path)
            .ancestors()
            .find(|path| paths.is_pod(path))?;
        self.hierarchy.id(pod).ok()
    }

    fn lock(&self) -> MutexGuard<'_, Governed> {
        self.governed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn governance(mode: Option<PodMode>) -> Governance {
    match mode {
        None => Governance::Policy,
        Some(PodMode::Enforce) => Governance::Enforce,
        Some(PodMode::Audit) => Governance::Audit,
        Some(PodMode::Off) => Governance::Off,
    }
}

fn mode(governance: Governance) -> Option<PodMode> {
    match governance {
        Governance::Policy => None,
        Governance::Enforce => Some(PodMode::Enforce),
        Governance::Audit => Some(PodMode::Audit),
        Governance::Off => Some(PodMode::Off),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rule as the kubelet's tree has, in short: a part that is `pod` and an id.
    fn paths() -> PodPaths {
        PodPaths::new(|path| {
            let mut parts = path.split('/');
            parts.find_map(|part| part.strip_prefix("pod")?.parse().ok())
        })
    }

    fn uid(number: u8) -> String {
        format!("{number:032x}")
    }

    #[test]
    fn pods_are_found_down_to_the_first_and_none_that_another_may_have_made() {
        let mount = tempfile::tempdir().expect("a directory");
        let made = [
            format!("kubepods/pod{}/container", uid(1)),
            format!("kubepods/burstable/pod{}/container", uid(2)),
            // A process that may make cgroups takes itself for another.
            format!("kubepods/burstable/pod{}/kubepods/pod{}", uid(3), uid(4)),
            format!("outside/pod{}", uid(5)),
        ];
        for path in &made {
            fs::create_dir_all(mount.path().join(path)).expect("made");
        }
        let mut found = Found::default();
        let below = |directory: &Path| {
            let below = directory.strip_prefix(mount.path()).expect("below");
            Path::new("/").join(below)
        };
        found.look(&mount.path().join("kubepods"), LEVELS, &paths(), &below);
        let mut pods: Vec<_> = found
            .pods
            .iter()
            .map(|pod| pod.path.display().to_string())
            .collect();
        pods.sort();
        let expected = [
            format!("/kubepods/burstable/pod{}", uid(2)),
            format!("/kubepods/burstable/pod{}", uid(3)),
            format!("/kubepods/pod{}", uid(1)),
        ];
        assert_eq!(pods, expected);
        assert!(found.pods.iter().all(|pod| {
            pod.path
                .ends_with(format!("pod{}", pod.uid.to_string().replace('-', "")))
        }));
        found.around.sort();
        let around = ["kubepods", "kubepods/burstable"].map(|path| mount.path().join(path));
        assert_eq!(found.around, around);
    }

    #[test]
    fn only_the_outermost_path_with_the_pods_id_is_the_pod() {
        let pod = format!("/kubepods/pod{}", uid(1));
        assert!(paths().is_pod(Path::new(&pod)));
        for other in [
            "/kubepods".to_owned(),
            format!("{pod}/container"),
            format!("{pod}/kubepods/pod{}", uid(2)),
        ] {
            assert!(!paths().is_pod(Path::new(&other)), "{other}");
        }
    }
}
