//! The connections that are joined now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::types::ConnId;

use super::connection::Connection;

/// Enough that connections that begin and end hardly ever meet at a lock, and that who looks at all
/// of them holds up only few.
const SHARDS: usize = 64;

/// The connections that are joined now: `limits.connections` bounds them.
#[derive(Debug)]
pub struct Connections {
    shards: [Mutex<Shard>; SHARDS],
}

/// The numbers are the gateway's own: nobody can choose them to collide.
type Shard = HashMap<ConnId, Arc<Connection>, RandomState>;

/// A connection's place, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    connections: &'a Connections,
    id: ConnId,
}

impl Connections {
    /// None yet.
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// All of them. Those that come meanwhile may be left out.
    pub fn all(&self) -> impl Iterator<Item = Arc<Connection>> {
        self.shards
            .iter()
            .flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// The one with this number.
    pub fn get(&self, id: ConnId) -> Option<Arc<Connection>> {
        self.shard(id).get(&id).cloned()
    }

    /// Takes one in.
    pub(super) fn insert(&self, connection: &Arc<Connection>) -> Listed<'_> {
        let id = connection.id();
        self.shard(id).insert(id, Arc::clone(connection));
        Listed {
            connections: self,
            id,
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the array's length"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits are those that differ"
    )]
    fn shard(&self, id: ConnId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[id.0 as usize % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        // Dropped after the lock is let go of.
        let _connection = self.connections.shard(self.id).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::tests::connection;
    use super::*;
    use crate::types::OnRevoke;

    fn ids(connections: &Connections) -> Vec<u64> {
        let mut ids: Vec<_> = connections.all().map(|each| each.id().0).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn those_that_have_ended_take_no_room() {
        let connections = Connections::new();
        // Twice the shards, so that some share one.
        let mut listed: Vec<_> = (0..2 * SHARDS as u64)
            .map(|id| connections.insert(&Arc::new(connection(id, OnRevoke::Close))))
            .collect();
        assert_eq!(ids(&connections).len(), 2 * SHARDS);
        listed.truncate(2);
        assert_eq!(ids(&connections), [0, 1]);
        listed.clear();
        assert!(
            connections
                .shards
                .iter()
                .all(|shard| lock(shard).is_empty())
        );
    }
}
