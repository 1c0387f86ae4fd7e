//! The tables that say which connections concern the gateway.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::Ebpf;

use super::destinations::Destinations;
use super::fill::Known;
use super::scope::Governed;
use super::{Hierarchy, KernelError, Reach, take};

/// The kernel's tables, with what is in them.
pub(super) struct Tables {
    governed: Arc<Mutex<Governed>>,
    destinations: Destinations,
}

impl Tables {
    /// Takes the maps.
    pub(super) fn new(
        ebpf: &mut Ebpf,
        governed: Arc<Mutex<Governed>>,
        known: Arc<Known>,
    ) -> Result<Self, KernelError> {
        Ok(Self {
            governed,
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
        let wanted = self.lock().resolve(hierarchy, &reach.cgroups)?;
        self.lock().add(&wanted)?;
        self.destinations.replace(reach)?;
        self.lock().retain(&wanted)
    }

    /// Governs cgroups of `paths` that were made again; gives them.
    pub(super) fn renew(
        &mut self,
        hierarchy: &Hierarchy,
        paths: &BTreeSet<PathBuf>,
    ) -> Result<Vec<PathBuf>, KernelError> {
        self.lock().renew(hierarchy, paths)
    }

    fn lock(&self) -> MutexGuard<'_, Governed> {
        self.governed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
