//! How many connections there may be, in all and for each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use foldhash::fast::RandomState;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::types::{CallerKey, DenyReason};

/// Sniff memory is given out in these units, for a semaphore counts to 2^29 at least.
const SNIFF_UNIT: usize = 1024;

/// The limits' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at one moment.
    pub connections: usize,
    /// Of these, from one cgroup, or from one address of another node.
    pub per_cgroup: usize,
    /// Bytes of first messages held at one moment.
    pub sniff_memory: usize,
}

/// What is taken of the limits. Over one, a connection is refused, never queued. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits {
    bounds: Bounds,
    connections: Arc<Semaphore>,
    sniff: Arc<Semaphore>,
    callers: Arc<Callers>,
}

/// Room for one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// Room for one caller's connection, given back when dropped.
#[derive(Debug)]
pub(super) struct CallerSlot {
    callers: Arc<Callers>,
    caller: CallerKey,
}

/// Memory for one first message, given back when dropped.
#[derive(Debug)]
pub(super) struct SniffMemory(
    #[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit,
);

/// What one connection has taken.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) connection: Option<Slot>,
    pub(super) caller: Option<CallerSlot>,
    /// Where TLS with the client ends here it is all in this.
    bridged: Option<Box<Bridged>>,
}

/// Room that who speaks TLS with the client gets when the connection is over: its socket may last longer.
#[derive(Debug)]
struct Bridged {
    room: Room,
    give: Option<oneshot::Sender<Room>>,
}

impl Room {
    /// Takes in that of the caller.
    pub(super) fn of_caller(&mut self, slot: CallerSlot) {
        match &mut self.bridged {
            Some(bridged) => bridged.room.caller = Some(slot),
            None => self.caller = Some(slot),
        }
    }

    /// From now on it is given away instead of back when it is dropped.
    pub(super) fn bridged(&mut self) -> oneshot::Receiver<Self> {
        let (give, given) = oneshot::channel();
        self.bridged = Some(Box::new(Bridged {
            room: std::mem::take(self),
            give: Some(give),
        }));
        given
    }
}

impl Drop for Bridged {
    fn drop(&mut self) {
        if let Some(give) = self.give.take() {
            // An error means that TLS has ended: it is given back.
            let _ = give.send(std::mem::take(&mut self.room));
        }
    }
}

/// Connections of each caller that has any.
#[derive(Debug)]
struct Callers {
    bound: usize,
    live: Mutex<HashMap<CallerKey, usize, RandomState>>,
}

impl Limits {
    /// Nothing is taken yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            connections: Arc::new(Semaphore::new(bounds.connections)),
            sniff: Arc::new(Semaphore::new(bounds.sniff_memory / SNIFF_UNIT)),
            callers: Arc::new(Callers {
                bound: bounds.per_cgroup,
                live: Mutex::default(),
            }),
        }
    }

    /// What is taken now, and the bounds. Of one cgroup: of that with the most connections.
    pub fn usage(&self) -> (Bounds, Bounds) {
        let live = self
            .callers
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let most = live.values().max().copied().unwrap_or_default();
        drop(live);
        let free = self.sniff.available_permits() * SNIFF_UNIT;
        let taken = Bounds {
            connections: self.bounds.connections - self.connections.available_permits(),
            per_cgroup: most,
            // What is less than a unit cannot be taken.
            sniff_memory: (self.bounds.sniff_memory / SNIFF_UNIT * SNIFF_UNIT) - free,
        };
        (taken, self.bounds)
    }

    /// Takes room for a connection.
    pub(super) fn connection(&self) -> Result<Slot, DenyReason> {
        let permit = Arc::clone(&self.connections).try_acquire_owned();
        permit.map(Slot).map_err(|_| DenyReason::LimitConnections)
    }

    /// Takes room for a connection of this caller.
    pub(super) fn caller(&self, caller: CallerKey) -> Result<CallerSlot, DenyReason> {
        let mut live = self
            .callers
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = live.entry(caller).or_default();
        if *count >= self.callers.bound {
            return Err(DenyReason::LimitCaller);
        }
        *count += 1;
        Ok(CallerSlot {
            callers: Arc::clone(&self.callers),
            caller,
        })
    }

    /// Takes memory for a first message of up to `bytes`.
    pub(super) fn sniff_memory(&self, bytes: usize) -> Result<SniffMemory, DenyReason> {
        let units = u32::try_from(bytes.div_ceil(SNIFF_UNIT)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.sniff).try_acquire_many_owned(units);
        permit
            .map(SniffMemory)
            .map_err(|_| DenyReason::LimitSniffMemory)
    }
}

impl SniffMemory {
    /// Gives the memory to the message that is in it, and takes it back when that is gone.
    pub(super) fn lend(self, message: Bytes) -> Bytes {
        Bytes::from_owner(Held {
            message,
            _memory: self,
        })
    }
}

/// A first message in its memory.
struct Held {
    message: Bytes,
    _memory: SniffMemory,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

impl Drop for CallerSlot {
    fn drop(&mut self) {
        let mut live = self
            .callers
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = live.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                live.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CgroupId;

    fn cgroup(id: u64) -> CallerKey {
        CallerKey::Cgroup(CgroupId(id))
    }

    fn limits() -> Limits {
        Limits::new(Bounds {
            connections: 2,
            per_cgroup: 1,
            sniff_memory: 4096,
        })
    }

    #[test]
    fn room_is_given_back_when_a_connection_ends() {
        let limits = limits();
        let first = limits.connection().expect("room");
        let _second = limits.connection().expect("room");
        assert_eq!(
            limits.connection().err(),
            Some(DenyReason::LimitConnections)
        );
        drop(first);
        assert!(limits.connection().is_ok());
    }

    #[test]
    fn room_of_a_bridged_connection_is_given_back_when_both_have_ended() {
        let limits = limits();
        let taken = || limits.usage().0;
        let mut room = Room {
            connection: limits.connection().ok(),
            ..Room::default()
        };
        let mut given = room.bridged();
        room.of_caller(limits.caller(cgroup(1)).expect("room"));
        drop(room);
        assert_eq!((taken().connections, taken().per_cgroup), (1, 1));
        drop(given.try_recv().expect("it is given"));
        assert_eq!((taken().connections, taken().per_cgroup), (0, 0));

        let mut room = Room {
            connection: limits.connection().ok(),
            ..Room::default()
        };
        drop(room.bridged());
        assert_eq!(taken().connections, 1);
        drop(room);
        assert_eq!(taken().connections, 0);
    }

    #[test]
    fn what_is_taken_is_told_beside_the_bounds() {
        let limits = limits();
        let _connection = limits.connection().expect("room");
        let _caller = limits.caller(cgroup(1)).expect("room");
        let _memory = limits.sniff_memory(1500).expect("room");
        let (taken, bounds) = limits.usage();
        let expected = Bounds {
            connections: 1,
            per_cgroup: 1,
            sniff_memory: 2048,
        };
        assert_eq!(taken, expected);
        assert_eq!((bounds.connections, bounds.sniff_memory), (2, 4096));
    }

    #[test]
    fn one_caller_at_its_bound_leaves_room_for_others() {
        let limits = limits();
        let slot = limits.caller(cgroup(1)).expect("room");
        assert_eq!(
            limits.caller(cgroup(1)).err(),
            Some(DenyReason::LimitCaller)
        );
        assert!(limits.caller(cgroup(2)).is_ok());
        drop(slot);
        assert!(limits.caller(cgroup(1)).is_ok());
    }

    #[test]
    fn a_caller_without_connections_takes_no_memory() {
        let limits = limits();
        drop(limits.caller(cgroup(1)).expect("room"));
        assert!(limits.callers.live.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn first_messages_share_their_memory() {
        let limits = limits();
        let held = limits.sniff_memory(3000).expect("room");
        assert_eq!(
            limits.sniff_memory(2048).err(),
            Some(DenyReason::LimitSniffMemory)
        );
        drop(held);
        assert!(limits.sniff_memory(4096).is_ok());
    }

    #[test]
    fn memory_is_given_back_when_the_message_has_been_passed_on() {
        let limits = limits();
        let mut message = limits
            .sniff_memory(4096)
            .expect("room")
            .lend(Bytes::from_static(b"hello"));
        assert_eq!(message, "hello");
        let last = message.split_off(4);
        drop(message);
        assert!(limits.sniff_memory(1024).is_err());
        drop(last);
        assert!(limits.sniff_memory(4096).is_ok());
    }
}
