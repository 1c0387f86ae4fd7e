//! Where an accepted connection was going.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use aya::maps::{MapData, MapError, SkStorage};

use crate::types::{Caller, OriginalDst};

use super::KernelError;
use super::caller::Callers;

/// Looks up the records that the programs left on accepted sockets.
#[derive(Debug)]
pub struct Origins {
    accepted: SkStorage<MapData, egress_common::Origin>,
    callers: Arc<Callers>,
}

/// Where a connection was going and who opened it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The original destination.
    pub dst: OriginalDst,
    /// The process that connected.
    pub caller: Caller,
}

impl Origins {
    pub(super) fn new(
        accepted: SkStorage<MapData, egress_common::Origin>,
        callers: Arc<Callers>,
    ) -> Self {
        Self { accepted, callers }
    }

    /// The record of an accepted socket; `None`: the connection did not come through the programs.
    pub fn of(&self, socket: &impl AsRawFd) -> Result<Option<Origin>, KernelError> {
        match self.accepted.get(socket, 0) {
            Ok(record) => Ok(Some(describe(&record, &self.callers))),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(KernelError::Map { map: "ACC", source }),
        }
    }
}

/// A record in user space's words.
pub(super) fn describe(record: &egress_common::Origin, callers: &Callers) -> Origin {
    Origin {
        dst: destination(record),
        caller: callers.describe(record.task()),
    }
}

/// Where a record says that its client was going.
pub(super) fn destination(record: &egress_common::Origin) -> OriginalDst {
    let ip: IpAddr = record.address().into();
    let port = u16::from_be_bytes(record.port());
    OriginalDst::new(SocketAddr::new(ip, port))
}
