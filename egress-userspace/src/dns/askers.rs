//! Who sent a datagram.

use std::net::SocketAddr;

use tracing::error;

use crate::kernel::{self, Origin};
use crate::types::{Caller, OriginalDst};

/// Whatever knows who sends datagrams to port 53.
pub trait Askers: Send + Sync {
    /// Who sent one from `peer` in a network namespace, and to which server; `None`: it was not turned
    /// here by the kernel programs.
    fn of(&self, netns: u64, peer: SocketAddr) -> Option<Origin>;
}

impl Askers for kernel::Askers {
    fn of(&self, netns: u64, peer: SocketAddr) -> Option<Origin> {
        Self::of(self, netns, peer).unwrap_or_else(|error| {
            error!(%error, "cannot read who asks for a name");
            None
        })
    }
}

/// Who asks, and whom.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// Where the query came from.
    pub(super) peer: SocketAddr,
    /// The server that was asked.
    pub(super) server: OriginalDst,
    /// The process that asks.
    pub(super) caller: Caller,
}
