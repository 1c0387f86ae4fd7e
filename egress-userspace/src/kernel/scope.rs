//! Which cgroups are governed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aya::maps::{HashMap, MapData, MapError};
use egress_common::{Scope, size};

use super::visible::Visible;
use super::{Hierarchy, KernelError};

/// The kernel's table of governed cgroups, with what is in it.
#[derive(Debug)]
pub(super) struct Governed {
    visible: Visible,
    map: HashMap<MapData, u64, Scope>,
    ids: BTreeSet<u64>,
}

impl Governed {
    /// Takes the map, with what a gateway before this one left in it.
    pub(super) fn new(
        map: HashMap<MapData, u64, Scope>,
        visible: Visible,
    ) -> Result<Self, KernelError> {
        let ids = map.keys().collect::<Result<_, _>>().map_err(scope)?;
        Ok(Self { visible, map, ids })
    }

    /// The ids of `paths`, if all of them can be governed.
    pub(super) fn resolve(
        &self,
        hierarchy: &Hierarchy,
        paths: &BTreeSet<PathBuf>,
    ) -> Result<BTreeSet<u64>, KernelError> {
        if paths.len() > size::SCOPE {
            let given = paths.len();
            return Err(KernelError::Full {
                what: "governed cgroups",
                given,
                room: size::SCOPE,
            });
        }
        self.visible.ids(hierarchy, paths)
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
            if !self.ids.contains(&id) {
                self.add(&BTreeSet::from([id]))?;
                renewed.push(path.clone());
            }
        }
        Ok(renewed)
    }

    /// Governs what is in `wanted`, beside what is governed already.
    pub(super) fn add(&mut self, wanted: &BTreeSet<u64>) -> Result<(), KernelError> {
        for id in wanted.difference(&self.ids.clone()) {
            self.map.insert(id, Scope::GOVERNED, 0).map_err(scope)?;
            self.ids.insert(*id);
        }
        Ok(())
    }

    /// Lets go of what is not in `wanted`.
    pub(super) fn retain(&mut self, wanted: &BTreeSet<u64>) -> Result<(), KernelError> {
        for id in self.ids.clone().difference(wanted) {
            self.map.remove(id).map_err(scope)?;
            self.ids.remove(id);
        }
        Ok(())
    }
}

fn scope(source: MapError) -> KernelError {
    KernelError::Map {
        map: "SCOPE",
        source,
    }
}
