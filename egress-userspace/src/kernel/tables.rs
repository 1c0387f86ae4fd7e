//! The tables that say which connections concern the gateway.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aya::Ebpf;

use super::destinations::Destinations;
use super::fill::Known;
use super::scope::Governed;
use super::visible::Visible;
use super::{Hierarchy, KernelError, Reach, take};

/// The kernel's tables, with what is in them.
pub(super) struct Tables {
    governed: Governed,
    destinations: Destinations,
}

impl Tables {
    /// Takes the maps.
    pub(super) fn new(
        ebpf: &mut Ebpf,
        visible: Visible,
        known: Arc<Known>,
    ) -> Result<Self, KernelError> {
        Ok(Self {
            governed: Governed::new(take(ebpf, "SCOPE")?, visible)?,
            destinations: Destinations::new(
                take(ebpf, "DESTINATIONS")?,
                take(ebpf, "GENERATION")?,
                known,
            )?,
        })
    }

    /// Brings the maps to `reach`. Cgroups come under governance first and are let go last: a failure
    /// half-way never opens a way out.
    pub(super) fn set(&mut self, hierarchy: &Hierarchy, reach: &Reach) -> Result<(), KernelError> {
        let governed = self.governed.resolve(hierarchy, &reach.cgroups)?;
        self.governed.add(&governed)?;
        self.destinations.replace(reach)?;
        self.governed.retain(&governed)
    }

    /// Governs cgroups of `paths` that were made again; gives them.
    pub(super) fn renew(
        &mut self,
        hierarchy: &Hierarchy,
        paths: &BTreeSet<PathBuf>,
    ) -> Result<Vec<PathBuf>, KernelError> {
        self.governed.renew(hierarchy, paths)
    }
}
