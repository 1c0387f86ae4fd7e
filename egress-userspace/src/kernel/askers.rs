//! Who asks: the task behind a datagram that came to a listener.

use std::net::SocketAddr;
use std::sync::Arc;

use aya::maps::{HashMap, MapData, MapError};
use egress_common::Asker;

use super::caller::Callers;
use super::origins::describe;
use super::{KernelError, Origin};

/// Looks up the records that the programs leave of each datagram that they turn to a listener.
#[derive(Debug)]
pub struct Askers {
    map: HashMap<MapData, Asker, egress_common::Origin>,
    callers: Arc<Callers>,
}

impl Askers {
    pub(super) fn new(
        map: HashMap<MapData, Asker, egress_common::Origin>,
        callers: Arc<Callers>,
    ) -> Self {
        Self { map, callers }
    }

    /// Which server the last datagram from `peer` to the listener was meant for, and who sent it; `netns`
    /// is the cookie of the listener's namespace. `None`: it did not come through the programs, or so
    /// many came after it that its record is gone.
    pub fn of(&self, netns: u64, peer: SocketAddr) -> Result<Option<Origin>, KernelError> {
        let key = Asker::new(netns, peer.ip().into(), peer.port().to_be_bytes());
        match self.map.get(&key, 0) {
            Ok(record) => Ok(Some(describe(&record, &self.callers))),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(KernelError::Map {
                map: "ASKERS",
                source,
            }),
        }
    }
}
