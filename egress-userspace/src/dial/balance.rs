//! Which of several addresses a connection goes to, and in what order the others follow it.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;
use foldhash::fast::FixedState;

use super::order::Candidate;
use super::service::{State, entry};
use crate::types::LoadBalancer;

/// For hashing by source: fixed, so that a gateway that is started again sends clients where the
/// one before it did.
const HASHER: FixedState = FixedState::with_seed(0);

/// How one connection's addresses are put in order.
#[derive(Debug)]
pub(super) struct Balance<'a> {
    pub(super) balancer: LoadBalancer,
    /// How many connections there were before.
    pub(super) turn: usize,
    /// Who connects.
    pub(super) source: u64,
    /// What is known of the service's addresses.
    pub(super) state: Option<&'a State>,
    pub(super) rng: Rng,
}

/// Stands for a client, for as long as it is the same.
pub(super) fn source(client: IpAddr) -> u64 {
    HASHER.hash_one(client)
}

impl Balance<'_> {
    /// The chosen one first.
    pub(super) fn order(&mut self, mut pool: Vec<Candidate>) -> Vec<Candidate> {
        if pool.len() < 2 {
            return pool;
        }
        match (self.balancer, self.state) {
            (LoadBalancer::RoundRobin, Some(state)) if differ(&pool) => smooth(pool, state),
            (LoadBalancer::RoundRobin, _) => {
                rotate(&mut pool, self.turn);
                pool
            }
            (LoadBalancer::LeastRequest, state) => least(pool, state, &mut self.rng),
            (LoadBalancer::Random, _) => {
                let rng = &mut self.rng;
                by_lot(pool, |_| rng.f64())
            }
            (LoadBalancer::SourceIp, _) => {
                let source = self.source;
                by_lot(pool, |addr| {
                    Rng::with_seed(HASHER.hash_one((source, addr))).f64()
                })
            }
        }
    }
}

/// Starts `turn` further on.
fn rotate<T>(items: &mut [T], turn: usize) {
    if let Some(start) = turn.checked_rem(items.len()) {
        items.rotate_left(start);
    }
}

fn differ(pool: &[Candidate]) -> bool {
    let mut weights = pool.iter().map(|candidate| candidate.weight);
    let first = weights.next();
    weights.any(|weight| Some(weight) != first)
}

/// nginx's smooth weighted round robin: each is owed its weight at every turn, the one that is owed
/// most is chosen and pays for all.
fn smooth(pool: Vec<Candidate>, state: &State) -> Vec<Candidate> {
    let total: i64 = pool
        .iter()
        .map(|candidate| i64::from(candidate.weight))
        .sum();
    state.with(|addresses| {
        let mut owed: Vec<_> = pool
            .into_iter()
            .map(|candidate| {
                let weight = i64::from(candidate.weight);
                let owed = entry(addresses, candidate.addr.addr()).map_or(weight, |address| {
                    address.owed = address.owed.saturating_add(weight);
                    address.owed
                });
                (owed, candidate)
            })
            .collect();
        owed.sort_by_key(|(owed, _)| std::cmp::Reverse(*owed));
        let chosen = owed.first().map(|(_, candidate)| candidate.addr.addr());
        if let Some(address) = chosen.and_then(|addr| addresses.get_mut(&addr)) {
            address.owed = address.owed.saturating_sub(total);
        }
        owed.into_iter().map(|(_, candidate)| candidate).collect()
    })
}

/// Of two that are drawn, the one with fewer live connections for its weight; the others follow by
/// the same measure. Always taking the least of all would send everyone to the same one at once.
fn least(mut pool: Vec<Candidate>, state: Option<&State>, rng: &mut Rng) -> Vec<Candidate> {
    rng.shuffle(&mut pool);
    let live = |candidate: &Candidate| {
        let known = state.and_then(|state| {
            state.with(|addresses| {
                addresses
                    .get(&candidate.addr.addr())
                    .map(|address| address.live)
            })
        });
        known.unwrap_or_default()
    };
    let mut loads: Vec<_> = pool
        .into_iter()
        .map(|candidate| (Load::new(live(&candidate), candidate.weight), candidate))
        .collect();
    // The two drawn are the first two of a shuffle.
    let drawn = loads.iter().take(2).enumerate();
    let chosen = drawn
        .min_by_key(|(_, (load, _))| *load)
        .map(|(index, _)| index);
    let chosen = chosen.map(|index| loads.swap_remove(index).1);
    loads.sort_by_key(|(load, _)| *load);
    let others = loads.into_iter().map(|(_, candidate)| candidate);
    chosen.into_iter().chain(others).collect()
}

/// Live connections, with the one to come, for a weight.
#[derive(Clone, Copy, Debug)]
struct Load {
    live: u64,
    weight: u64,
}

impl Load {
    fn new(live: u32, weight: u32) -> Self {
        Self {
            live: u64::from(live) + 1,
            weight: u64::from(weight.max(1)),
        }
    }
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.live * other.weight).cmp(&(other.live * self.weight))
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Load {}

/// Each draws a lot between 0 and 1, and comes the earlier the higher its lot to the power of 1/weight
/// is (Efraimidis and Spirakis; with a hash for the lot it is weighted rendezvous hashing). One that
/// goes or comes changes nothing in the order of the others.
fn by_lot(pool: Vec<Candidate>, mut lot: impl FnMut(SocketAddr) -> f64) -> Vec<Candidate> {
    let mut lots: Vec<_> = pool
        .into_iter()
        .map(|candidate| {
            let lot = lot(candidate.addr.addr()).max(f64::MIN_POSITIVE);
            (lot.ln() / f64::from(candidate.weight.max(1)), candidate)
        })
        .collect();
    lots.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    lots.into_iter().map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests;
