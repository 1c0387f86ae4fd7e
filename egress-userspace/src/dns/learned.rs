//! Which names a caller was told that an address has.
//!
//! A connection to an address may be admitted by a name that its caller asked for. What one caller
//! asked for says nothing of another.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::types::{CgroupId, HostName};

/// Names in all: some 300 bytes each, 40 MB together, and 32 callers at their default bound.
const IN_ALL: usize = 131_072;
/// Names of one address: a connection is judged by each of them.
const PER_ADDRESS: usize = 32;

/// What was told to whom.
#[derive(Debug, Default)]
pub struct Learned {
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    callers: HashMap<CgroupId, Names>,
    total: usize,
    /// Makes each end unique, and says which was told before which.
    turn: u64,
}

/// What one caller was told.
#[derive(Debug, Default)]
struct Names {
    addresses: HashMap<IpAddr, Vec<Told>>,
    /// The same by when it ends, so that what has ended is found without looking at the rest.
    ends: BTreeMap<End, (IpAddr, HostName)>,
    /// The ends by when they were last told.
    turns: BTreeMap<u64, Instant>,
}

/// A name that an address has.
#[derive(Debug)]
struct Told {
    name: HostName,
    end: End,
}

/// When something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    at: Instant,
    turn: u64,
}

impl Learned {
    /// Remembers for as long as `holds` that `caller` is told that `ip` is an address of `name`. Of a
    /// caller that has more than `bound` names, what it was told longest ago is forgotten: a connection
    /// follows its answer at once, however short that one's TTL.
    pub(super) fn learn(
        &self,
        caller: CgroupId,
        ip: IpAddr,
        name: &HostName,
        holds: Duration,
        bound: usize,
    ) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.learn(caller, ip, name, Instant::now() + holds);
        while store.len_of(caller) > bound {
            store.forget_oldest_of(caller);
        }
        if store.total > IN_ALL {
            store.forget_oldest_of_largest();
        }
    }

    /// The names that `caller` was told `ip` is an address of.
    pub fn names(&self, caller: CgroupId, ip: IpAddr) -> Vec<HostName> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let told = store
            .callers
            .get(&caller)
            .and_then(|names| names.addresses.get(&ip.to_canonical()));
        let Some(told) = told else { return Vec::new() };
        let now = Instant::now();
        let live = told.iter().filter(|told| told.end.at > now);
        live.map(|told| told.name.clone()).collect()
    }

    /// Forgets what has ended. What has not been is not looked at, but for the first of each caller.
    pub fn forget_ended(&self) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.forget_ended(Instant::now());
    }

    /// How many names are remembered.
    pub fn len(&self) -> usize {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.total
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store {
    fn learn(&mut self, caller: CgroupId, ip: IpAddr, name: &HostName, at: Instant) {
        self.turn += 1;
        let end = End {
            at,
            turn: self.turn,
        };
        let names = self.callers.entry(caller).or_default();
        let before = names.ends.len();
        names.learn(ip.to_canonical(), name, end);
        self.total = self.total + names.ends.len() - before;
    }

    fn len_of(&self, caller: CgroupId) -> usize {
        self.callers.get(&caller).map_or(0, |n| n.ends.len())
    }

    fn forget_oldest_of(&mut self, caller: CgroupId) {
        let Some(names) = self.callers.get_mut(&caller) else {
            return;
        };
        self.total -= usize::from(names.forget_oldest());
        if names.ends.is_empty() {
            self.callers.remove(&caller);
        }
    }

    /// A caller with few names loses none because others have many.
    fn forget_oldest_of_largest(&mut self) {
        let largest = self.callers.iter().max_by_key(|(_, n)| n.ends.len());
        if let Some(caller) = largest.map(|(caller, _)| *caller) {
            self.forget_oldest_of(caller);
        }
    }

    fn forget_ended(&mut self, now: Instant) {
        let total = &mut self.total;
        self.callers.retain(|_, names| {
            while names
                .ends
                .first_key_value()
                .is_some_and(|(end, _)| end.at <= now)
            {
                *total -= usize::from(names.forget_first());
            }
            !names.ends.is_empty()
        });
    }
}

impl Names {
    fn learn(&mut self, ip: IpAddr, name: &HostName, mut end: End) {
        let told = self.addresses.entry(ip).or_default();
        match told.iter_mut().find(|told| told.name == *name) {
            Some(known) => {
                // An answer that holds for less time does not take back what one before it said.
                end.at = end.at.max(known.end.at);
                self.ends.remove(&known.end);
                self.turns.remove(&known.end.turn);
                known.end = end;
            }
            None => told.push(Told {
                name: name.clone(),
                end,
            }),
        }
        let turns = told.iter().map(|told| told.end.turn);
        let oldest = turns.min().filter(|_| told.len() > PER_ADDRESS);
        self.ends.insert(end, (ip, name.clone()));
        self.turns.insert(end.turn, end.at);
        if let Some(oldest) = oldest {
            self.forget_told(oldest);
        }
    }

    /// Forgets what ends first; false: there is nothing.
    fn forget_first(&mut self) -> bool {
        let first = self.ends.first_key_value();
        let turn = first.map(|(end, _)| end.turn);
        turn.is_some_and(|turn| self.forget_told(turn))
    }

    /// Forgets what was told longest ago; false: there is nothing.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.turns.first_key_value();
        let turn = oldest.map(|(turn, _)| *turn);
        turn.is_some_and(|turn| self.forget_told(turn))
    }

    fn forget_told(&mut self, turn: u64) -> bool {
        let Some(at) = self.turns.remove(&turn) else {
            return false;
        };
        let Some((ip, _)) = self.ends.remove(&End { at, turn }) else {
            return false;
        };
        if let Some(told) = self.addresses.get_mut(&ip) {
            told.retain(|told| told.end.turn != turn);
            if told.is_empty() {
                self.addresses.remove(&ip);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
