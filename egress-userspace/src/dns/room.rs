//! How many queries may wait for their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::types::CgroupId;

/// Queries that wait for an answer at one moment: each has up to a few sockets, and the gateway keeps two
/// thousand descriptors beside those of connections.
const IN_ALL: usize = 512;
/// Of these, of one caller: a caller whose server is dead must leave room for others.
const PER_CALLER: usize = 128;

/// Counts what waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    total: usize,
    callers: HashMap<CgroupId, usize>,
}

/// Room for one query, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    room: Room,
    caller: CgroupId,
}

impl Room {
    /// Takes room for a query; `None`: there is none.
    pub(super) fn take(&self, caller: CgroupId) -> Option<Slot> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.callers.get(&caller).copied().unwrap_or_default();
        if waiting.total >= IN_ALL || own >= PER_CALLER {
            return None;
        }
        waiting.total += 1;
        waiting.callers.insert(caller, own + 1);
        Some(Slot {
            room: self.clone(),
            caller,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut waiting = self
            .room
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.total -= 1;
        if let Some(own) = waiting.callers.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                waiting.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_all_room() {
        let room = Room::default();
        let held: Vec<_> = (0..IN_ALL).filter_map(|_| room.take(CgroupId(1))).collect();
        assert_eq!(held.len(), PER_CALLER);
        assert!(room.take(CgroupId(2)).is_some());
    }

    #[test]
    fn all_callers_together_have_a_bound_and_room_comes_back() {
        let room = Room::default();
        let held: Vec<_> = (0..2 * IN_ALL as u64)
            .filter_map(|id| room.take(CgroupId(id)))
            .collect();
        assert_eq!(held.len(), IN_ALL);
        drop(held);
        assert!(room.take(CgroupId(1)).is_some());
        assert!(
            room.waiting
                .lock()
                .expect("not poisoned")
                .callers
                .is_empty()
        );
    }
}
