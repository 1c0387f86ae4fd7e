//! Connections on their way to another reactor.

use std::fmt;
use std::future::poll_fn;
use std::mem::swap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// What other reactors have handed over, until it is taken in. Only the first of those that come together wakes the
/// reactor: to spawn them from another thread would wake it for each, with a call for each.
#[derive(Default)]
pub(super) struct Arrivals {
    waiting: Mutex<Vec<Begin>>,
    reactor: AtomicWaker,
}

/// Begins to serve a connection on the current runtime: all that it does is to spawn, which does not panic there. It is
/// not what serves the connection: that would be on the heap twice for as long as the connection lasts.
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

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use super::*;
    use crate::net::wakes::Wakes;

    #[test]
    fn the_first_of_those_that_come_together_wakes_and_none_is_left() {
        let arrivals = Arc::<Arrivals>::default();
        let begun = Arc::<AtomicUsize>::default();
        let (reactor, waker) = Wakes::none();
        let mut cx = Context::from_waker(&waker);
        let mut taking = pin!(Arc::clone(&arrivals).take_in());
        let arrive = {
            let (arrivals, begun) = (Arc::clone(&arrivals), Arc::clone(&begun));
            move || {
                let begun = Arc::clone(&begun);
                arrivals.push(Box::new(move || {
                    begun.fetch_add(1, Ordering::Relaxed);
                }));
            }
        };
        // Before anybody takes them in.
        arrive();
        assert!(taking.as_mut().poll(&mut cx).is_pending());
        assert_eq!((begun.load(Ordering::Relaxed), reactor.count()), (1, 0));
        arrive();
        arrive();
        assert_eq!(reactor.count(), 1);
        // While others are taken in.
        arrivals.push(Box::new(arrive));
        assert!(taking.as_mut().poll(&mut cx).is_pending());
        assert_eq!((begun.load(Ordering::Relaxed), reactor.count()), (3, 2));
        assert!(taking.as_mut().poll(&mut cx).is_pending());
        assert_eq!(begun.load(Ordering::Relaxed), 4);
    }
}
