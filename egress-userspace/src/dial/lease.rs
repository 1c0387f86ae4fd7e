//! Room among a service's connections.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::DropGuard;

use super::service::State;

/// Room for one connection of a service, given back when dropped.
#[derive(Debug, Default)]
pub struct Lease {
    state: Option<Arc<State>>,
    addr: Option<SocketAddr>,
    /// Tells who speaks TLS for the connection that nobody holds it any more.
    bridge: Option<DropGuard>,
}

impl Lease {
    /// Takes room, unless there are `bound` connections; where nothing is counted, there is always some.
    pub(super) fn take(state: Option<&Arc<State>>, bound: Option<u32>) -> Option<Self> {
        let entered = state.is_none_or(|state| state.enter(bound));
        entered.then(|| Self {
            state: state.cloned(),
            addr: None,
            bridge: None,
        })
    }

    /// The connection went to `addr`.
    pub(super) fn settle(&mut self, addr: SocketAddr) {
        if let Some(state) = &self.state {
            state.succeeded(addr);
            self.addr = Some(addr);
        }
    }

    /// The connection goes over a bridge, which is told when this is dropped.
    pub(super) fn bridged(&mut self, given_up: DropGuard) {
        self.bridge = Some(given_up);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            state.leave(self.addr);
        }
    }
}
