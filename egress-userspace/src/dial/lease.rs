//! Room among a service's connections.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::DropGuard;

use super::service::State;

/// Room for one connection of a service, given back when dropped. Most services count nothing: they
/// have it all in a pointer.
#[derive(Debug, Default)]
pub struct Lease(Option<Box<Held>>);

#[derive(Debug, Default)]
struct Held {
    state: Option<Arc<State>>,
    addr: Option<SocketAddr>,
    /// Tells who speaks TLS for the connection that nobody holds it any more.
    bridge: Option<DropGuard>,
}

impl Lease {
    /// Takes room, unless there are `bound` connections; where nothing is counted, there is always some.
    pub(super) fn take(state: Option<&Arc<State>>, bound: Option<u32>) -> Option<Self> {
        let entered = state.is_none_or(|state| state.enter(bound));
        let held = |state| {
            Box::new(Held {
                state: Some(Arc::clone(state)),
                addr: None,
                bridge: None,
            })
        };
        entered.then(|| Self(state.map(held)))
    }

    /// The connection went to `addr`.
    pub(super) fn settle(&mut self, addr: SocketAddr) {
        if let Some(held) = &mut self.0
            && let Some(state) = &held.state
        {
            state.succeeded(addr);
            held.addr = Some(addr);
        }
    }

    /// The connection goes over a bridge, which is told when this is dropped.
    pub(super) fn bridged(&mut self, given_up: DropGuard) {
        self.0.get_or_insert_default().bridge = Some(given_up);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            state.leave(self.addr);
        }
    }
}
