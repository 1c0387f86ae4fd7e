//! What dialling remembers from one connection to the next, and over reloads.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use tokio::sync::Semaphore;

use super::seen::Seen;
use super::service::{ServiceStats, Services};
use crate::policy::{Permit, Target};
use crate::types::ServiceName;

/// Sockets that all connections together may have connecting beside their first. Each address that does
/// not answer costs one for a second at most, so this is a thousand such connections begun in a second.
pub(crate) const SPARE_ATTEMPTS: usize = 1_024;
/// Services whose turns are counted apart. Two that share a slot still use all their addresses.
const TURNS: usize = 1_024;

/// What dialling remembers.
#[derive(Debug)]
pub struct Memory {
    seen: Arc<Seen>,
    pub(super) services: Services,
    pub(super) spare: Arc<Semaphore>,
    turns: Box<[AtomicUsize]>,
    hasher: RandomState,
}

impl Memory {
    /// The addresses that names had of late; whoever resolves names for clients adds to it.
    pub fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Forgets services that no longer are.
    pub fn keep<'a>(&self, services: impl Iterator<Item = &'a ServiceName>) {
        self.services.keep(services);
    }

    /// What is counted of each service that anything is counted of.
    pub fn stats(&self) -> Vec<(ServiceName, ServiceStats)> {
        self.services.stats()
    }

    /// How many connections went to the permit's target before this one: each starts at another of
    /// its addresses.
    pub(super) fn turn(&self, permit: &Permit) -> usize {
        let slot = match permit.target() {
            Target::Address(_) | Target::Answer { .. } => return 0,
            Target::Name { name, .. } => self.hasher.hash_one(name),
            Target::Endpoints(_) => self.hasher.hash_one(permit.destination()),
        };
        let slot = usize::try_from(slot % TURNS as u64).unwrap_or_default();
        self.turns
            .get(slot)
            .map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            seen: Arc::default(),
            services: Services::default(),
            spare: Arc::new(Semaphore::new(SPARE_ATTEMPTS)),
            turns: (0..TURNS).map(|_| AtomicUsize::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }
}
