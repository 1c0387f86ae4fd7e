//! Connections on their way to another reactor.

use std::fmt;
use std::future::poll_fn;
use std::mem::swap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// What other reactors have handed over, until it is taken in. Of those that come before that only the first wakes the
/// reactor: a runtime that is given a task by another thread wakes its own for each, which is a call for each.
#[derive(Default)]
pub(super) struct Arrivals {
    waiting: Mutex<Vec<Begin>>,
    reactor: AtomicWaker,
}

/// Begins to serve a connection on the current runtime. Not what serves it: that would be on the heap twice for as long
/// as the connection lasts.
pub(super) type Begin = Box<dyn FnOnce() + Send>;

impl Arrivals {
    /// Hands a connection over.
    pub(super) fn push(&self, begin: Begin) {
        self.waiting().push(begin);
        // Nobody is woken again who has been woken and did not wait again since.
        self.reactor.wake();
    }

    /// Begins to serve what arrives, for ever. It is a task of the reactor's like any other, so that it has its turn
    /// before bulk that has given way.
    pub(super) async fn take_in(self: Arc<Self>) {
        let mut arrived = Vec::new();
        poll_fn(|cx| {
            // In this order: who comes after the look wakes it again.
            self.reactor.register(cx.waker());
            swap(&mut arrived, &mut *self.waiting());
            arrived.drain(..).for_each(|begin| begin());
            Poll::<()>::Pending
        })
        .await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Begin>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals").finish_non_exhaustive()
    }
}
