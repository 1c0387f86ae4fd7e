//! Which cgroups are governed, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use aya::maps::{HashMap, MapData, MapError};
use egress_common::{Governance, Scope, size};

use super::peers::gone_is_fine;
use super::pods::PodPaths;
use super::visible::Visible;
use super::{Hierarchy, KernelError};
use crate::types::CgroupId;

/// The kernel's table of governed cgroups, with what is in it.
#[derive(Debug)]
pub(super) struct Governed {
    visible: Visible,
    map: HashMap<MapData, u64, Scope>,
    known: Known,
    /// Entries that nothing asks for any more, or not yet.
    strays: BTreeSet<u64>,
}

/// Which cgroups have entries, by their paths below the mount.
#[derive(Debug, Default)]
struct Known {
    /// Those that a `[[scope]]` names.
    listed: BTreeMap<PathBuf, u64>,
    /// Pods below those, whose entries say what holds for them alone.
    pods: BTreeMap<PathBuf, Held>,
}

/// A pod's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: u64,
    pub(super) governance: Governance,
}

impl Governed {
    /// Takes the map, with what a gateway before this one left in it. What it knew of pods holds on, where pods
    /// are followed.
    pub(super) fn new(
        map: HashMap<MapData, u64, Scope>,
        visible: Visible,
        hierarchy: &Hierarchy,
        follows: Option<&PodPaths>,
    ) -> Result<Self, KernelError> {
        let mut known = Known::default();
        let mut strays = BTreeSet::new();
        for entry in &map {
            let (id, entry) = entry.map_err(scope)?;
            let path = hierarchy.path(CgroupId(id));
            let path = path.map(|path| PathBuf::from(&*path));
            if let Some(path) = path
                && follows.is_some_and(|pods| pods.is_pod(&path))
            {
                let governance = entry.governance();
                known.pods.insert(path, Held { id, governance });
            } else {
                strays.insert(id);
            }
        }
        Ok(Self {
            visible,
            map,
            known,
            strays,
        })
    }

    /// The ids of `paths`, if all of them can be governed.
    pub(super) fn resolve(
        &self,
        hierarchy: &Hierarchy,
        paths: &BTreeSet<PathBuf>,
    ) -> Result<BTreeMap<PathBuf, u64>, KernelError> {
        if paths.len() > size::SCOPE {
            let given = paths.len();
            return Err(KernelError::Full {
                what: "governed cgroups",
                given,
                room: size::SCOPE,
            });
        }
        let id = |path: &PathBuf| Ok((path.clone(), self.visible.id(hierarchy, path)?));
        paths.iter().map(id).collect()
    }

    /// Governs those of `paths` that were removed and made again, as a service's cgroup is at each
    /// start: by its id it is another one. Gives the paths.
    pub(super) fn renew(
        &mut self,
        hierarchy: &Hierarchy,
        paths: &BTreeSet<PathBuf>,
    ) -> Result<Vec<PathBuf>, KernelError> {
        let mut renewed = Vec::new();
        for path in paths {
            // One that is not there has no processes.
            let Ok(id) = self.visible.id(hierarchy, path) else {
                continue;
            };
            if self.list(path, id)? {
                renewed.push(path.clone());
            }
        }
        Ok(renewed)
    }

    /// Governs what is in `wanted`, beside what is governed already.
    pub(super) fn add(&mut self, wanted: &BTreeMap<PathBuf, u64>) -> Result<(), KernelError> {
        wanted
            .iter()
            .try_for_each(|(path, id)| self.list(path, *id).map(drop))
    }

    /// Lets go of what is not in `wanted`, and of pods that are not below it.
    pub(super) fn retain(&mut self, wanted: &BTreeMap<PathBuf, u64>) -> Result<(), KernelError> {
        self.strays.extend(self.known.retain(wanted));
        for id in self.strays.clone() {
            if !self.known.has(id) {
                self.remove(id)?;
            }
            self.strays.remove(&id);
        }
        Ok(())
    }

    /// The pods that have entries.
    pub(super) fn pods(&self) -> &BTreeMap<PathBuf, Held> {
        &self.known.pods
    }

    /// Says what holds for a pod, whose cgroup this is. Whether that is news.
    pub(super) fn hold(&mut self, path: &Path, held: Held) -> Result<bool, KernelError> {
        let before = self.known.pods.get(path).copied();
        if before == Some(held) {
            return Ok(false);
        }
        self.write(&self.known.writes(path, held))?;
        self.known.pods.insert(path.to_owned(), held);
        // One that was made again under its path is another.
        if let Some(before) = before.filter(|before| before.id != held.id) {
            self.remove(before.id)?;
        }
        Ok(true)
    }

    /// Forgets a pod: what holds above it holds for it too.
    pub(super) fn let_go(&mut self, path: &Path) -> Result<(), KernelError> {
        let Some(held) = self.known.pods.remove(path) else {
            return Ok(());
        };
        if self.known.listed.get(path) == Some(&held.id) {
            let governance = Governance::Policy;
            return self.write(&self.known.writes(path, Held { governance, ..held }));
        }
        self.remove(held.id)
    }

    /// What holds at a path, by the deepest entry on the way to it; `None`: there is none.
    pub(super) fn at(&self, path: &Path) -> Option<Governance> {
        self.known.at(path)
    }

    /// Governs a cgroup that a `[[scope]]` names. Whether that is news.
    fn list(&mut self, path: &Path, id: u64) -> Result<bool, KernelError> {
        if self.known.listed.get(path) == Some(&id) {
            return Ok(false);
        }
        let pod = self.known.pods.get(path).filter(|held| held.id == id);
        let governance = pod.map_or(Governance::Policy, |held| held.governance);
        self.write(&self.known.writes(path, Held { id, governance }))?;
        self.strays
            .extend(self.known.listed.insert(path.to_owned(), id));
        Ok(true)
    }

    fn write(&mut self, writes: &[(u64, Scope)]) -> Result<(), KernelError> {
        for (id, entry) in writes {
            self.map.insert(id, entry, 0).map_err(scope)?;
        }
        Ok(())
    }

    fn remove(&mut self, id: u64) -> Result<(), KernelError> {
        gone_is_fine(self.map.remove(&id), "SCOPE")
    }
}

impl Known {
    /// What to write, in this order, for an entry to be found: what is above it leads on to it first.
    fn writes(&self, path: &Path, held: Held) -> Vec<(u64, Scope)> {
        let above = path
            .ancestors()
            .skip(1)
            .filter_map(|above| self.held(above));
        let mut writes: Vec<_> = above
            .map(|above| (above.id, Scope::new(above.governance, false)))
            .collect();
        let is_deepest = !(has_below(&self.listed, path) || has_below(&self.pods, path));
        writes.push((held.id, Scope::new(held.governance, is_deepest)));
        writes
    }

    fn at(&self, path: &Path) -> Option<Governance> {
        let mut on_the_way = path.ancestors().filter_map(|above| self.held(above));
        on_the_way.next().map(|held| held.governance)
    }

    /// The entry of the cgroup at a path.
    fn held(&self, path: &Path) -> Option<Held> {
        let listed = || {
            let id = *self.listed.get(path)?;
            let governance = Governance::Policy;
            Some(Held { id, governance })
        };
        self.pods.get(path).copied().or_else(listed)
    }

    fn has(&self, id: u64) -> bool {
        let mut pods = self.pods.values().map(|held| held.id);
        pods.any(|held| held == id) || self.listed.values().any(|listed| *listed == id)
    }

    /// Forgets what is not in `wanted`, and pods that are not below it; gives the ids.
    fn retain(&mut self, wanted: &BTreeMap<PathBuf, u64>) -> Vec<u64> {
        let unlisted = self
            .listed
            .extract_if(.., |path, _| !wanted.contains_key(path));
        let unlisted = unlisted.map(|(_, id)| id);
        let is_outside = |path: &Path| !path.ancestors().any(|above| wanted.contains_key(above));
        let outside = self.pods.extract_if(.., |path, _| is_outside(path));
        unlisted.chain(outside.map(|(_, held)| held.id)).collect()
    }
}

/// Whether some path is below this one: paths are ordered by their parts, so that those follow it at once.
fn has_below<T>(paths: &BTreeMap<PathBuf, T>, path: &Path) -> bool {
    let after = (Bound::Excluded(path), Bound::Unbounded);
    let mut next = paths.range::<Path, _>(after);
    next.next().is_some_and(|(next, _)| next.starts_with(path))
}

fn scope(source: MapError) -> KernelError {
    KernelError::Map {
        map: "SCOPE",
        source,
    }
}

#[cfg(test)]
mod tests;
