//! What is known of a service's addresses and connections, from one connection to the next.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::outlier::{Health, may_eject};
use crate::policy::{Permit, Target};
use crate::types::{LoadBalancer, OutlierDetection, ServiceName};

/// Addresses that one service may have something remembered of: a wildcard's names may have any number.
/// Of what does not fit, nothing is known, as of an address never dialled.
const MAX_ADDRESSES: usize = 1_024;

/// The services of which something must be known to dial.
#[derive(Debug, Default)]
pub(super) struct Services(Mutex<HashMap<ServiceName, Arc<State>>>);

/// One service. It outlives reloads: connections and ejections are what they are, whatever the new
/// policy makes of them.
#[derive(Debug, Default)]
pub(super) struct State {
    live: AtomicU32,
    overflows: AtomicU64,
    ejections: AtomicU64,
    addresses: Mutex<HashMap<SocketAddr, Address>>,
}

/// One address.
#[derive(Debug, Default)]
pub(super) struct Address {
    /// Connections held now.
    pub(super) live: u32,
    /// What it is owed by the smooth weighted round robin.
    pub(super) owed: i64,
    /// Whether it takes connections.
    pub(super) health: Health,
}

/// What is counted of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceStats {
    /// Connections held now, as far as a bound on them is set.
    pub live: u32,
    /// Connections refused because there were as many as may be.
    pub overflows: u64,
    /// Addresses ejected since the gateway's start.
    pub ejections: u64,
    /// Addresses ejected now.
    pub ejected: u64,
}

impl Services {
    /// The state for what `permit` leads to; `None`: none is needed, as for most services.
    pub(super) fn state(&self, permit: &Permit) -> Option<Arc<State>> {
        let name = permit.destination()?;
        if !needs_state(permit) {
            return None;
        }
        let mut states = self.lock();
        if let Some(state) = states.get(name) {
            return Some(Arc::clone(state));
        }
        let state = Arc::<State>::default();
        states.insert(name.clone(), Arc::clone(&state));
        Some(state)
    }

    /// Drops what is known of services that no longer are, and have no connection left.
    pub(super) fn keep<'a>(&self, services: impl Iterator<Item = &'a ServiceName>) {
        // A large registry takes a while to go through; nobody who dials is to wait for it.
        let known: HashSet<_> = self.lock().keys().cloned().collect();
        if known.is_empty() {
            return;
        }
        let kept: HashSet<_> = services.filter(|name| known.contains(*name)).collect();
        self.lock().retain(|name, state| {
            !known.contains(name) || kept.contains(name) || Arc::strong_count(state) > 1
        });
    }

    pub(super) fn stats(&self) -> Vec<(ServiceName, ServiceStats)> {
        self.lock()
            .iter()
            .map(|(name, state)| (name.clone(), state.stats()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServiceName, Arc<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn needs_state(permit: &Permit) -> bool {
    let traffic = &permit.terms().traffic;
    let counts = traffic.pool.max_connections.is_some() || traffic.outlier.is_some();
    counts
        || match traffic.balancer {
            LoadBalancer::LeastRequest => true,
            LoadBalancer::RoundRobin => weighted(permit.target()),
            LoadBalancer::Random | LoadBalancer::SourceIp => false,
        }
}

/// Whether endpoints differ in weight. Those that do not are taken in turn, and nothing is remembered.
fn weighted(target: &Target) -> bool {
    match target {
        Target::Address(_) | Target::Answer { .. } | Target::Name { .. } => false,
        Target::Endpoints(endpoints) => {
            let mut weights = endpoints.iter().map(|endpoint| endpoint.weight);
            let first = weights.next();
            weights.any(|weight| Some(weight) != first)
        }
    }
}

impl State {
    /// Takes room for a connection, if there is any.
    pub(super) fn enter(&self, bound: Option<u32>) -> bool {
        let bound = bound.unwrap_or(u32::MAX);
        let entered = self
            .live
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |live| {
                (live < bound).then(|| live + 1)
            });
        if entered.is_err() {
            self.overflows.fetch_add(1, Ordering::Relaxed);
        }
        entered.is_ok()
    }

    /// Gives the room back, with that of the address that the connection went to.
    pub(super) fn leave(&self, addr: Option<SocketAddr>) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        let Some(addr) = addr else { return };
        self.with(|addresses| {
            if let Some(address) = addresses.get_mut(&addr) {
                address.live = address.live.saturating_sub(1);
            }
        });
    }

    /// A connection to `addr` was made.
    pub(super) fn succeeded(&self, addr: SocketAddr) {
        self.with(|addresses| {
            if let Some(address) = entry(addresses, addr) {
                address.live += 1;
                address.health.succeeded();
            }
        });
    }

    /// `addr`, one of the addresses that a connection could go to, did not take it.
    pub(super) fn failed(&self, addr: SocketAddr, all: &[SocketAddr], rules: &OutlierDetection) {
        let now = Instant::now();
        self.with(|addresses| {
            let ejected = all.iter().filter(|addr| is_ejected(addresses, addr, now));
            let may = may_eject(rules, ejected.count(), all.len());
            if let Some(address) = entry(addresses, addr)
                && address.health.failed(rules, now)
                && may
            {
                address.health.eject(rules, now);
                self.ejections.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Looks at the addresses.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut HashMap<SocketAddr, Address>) -> T) -> T {
        look(
            &mut self
                .addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(super) fn stats(&self) -> ServiceStats {
        let now = Instant::now();
        let ejected = self.with(|addresses| {
            let all = addresses.values();
            all.filter(|address| address.health.is_ejected(now)).count()
        });
        ServiceStats {
            live: self.live.load(Ordering::Relaxed),
            overflows: self.overflows.load(Ordering::Relaxed),
            ejections: self.ejections.load(Ordering::Relaxed),
            ejected: ejected as u64,
        }
    }
}

pub(super) fn is_ejected(
    addresses: &HashMap<SocketAddr, Address>,
    addr: &SocketAddr,
    now: Instant,
) -> bool {
    let address = addresses.get(addr);
    address.is_some_and(|address| address.health.is_ejected(now))
}

/// What is known of `addr`, if there is room to know something. When there is none, what says nothing
/// any more is forgotten.
pub(super) fn entry(
    addresses: &mut HashMap<SocketAddr, Address>,
    addr: SocketAddr,
) -> Option<&mut Address> {
    if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&addr) {
        addresses.retain(|_, address| address.live > 0 || !address.health.is_clear());
        if addresses.len() >= MAX_ADDRESSES {
            return None;
        }
    }
    Some(addresses.entry(addr).or_default())
}
