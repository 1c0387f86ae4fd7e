//! Which pod a connection is of.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::pods::Unknown;
use crate::types::Caller;

use super::Gateway;
use super::connection::Connection;

/// Between two looks at all live connections because something is known of pods that was not: pods come and go
/// all the time in a large cluster, and a look at each connection takes well below a microsecond.
const PAUSE: Duration = Duration::from_millis(500);

/// Callers that a thread remembers: more than there are processes on a node that connect all the time.
const REMEMBERED: usize = 64;

thread_local! {
    static CALLERS: RefCell<[Option<Arc<Caller>>; REMEMBERED]> =
        const { RefCell::new([const { None }; REMEMBERED]) };
}

/// The caller, in one place with those before it that are the same: thousands of connections of one process share
/// what is known of it.
pub(super) fn shared(caller: Caller) -> Arc<Caller> {
    CALLERS.with_borrow_mut(
        |callers| match callers.get_mut(caller.pid as usize % REMEMBERED) {
            Some(Some(seen)) if **seen == caller => Arc::clone(seen),
            Some(place) => Arc::clone(place.insert(Arc::new(caller))),
            None => Arc::new(caller),
        },
    )
}

impl Gateway {
    /// Says of the caller which pod it is in, if that is known; gives what is worth waiting for.
    pub(super) fn look_up(&self, caller: &mut Caller) -> Option<Unknown> {
        self.identifier.as_ref()?.look_up(caller)
    }

    /// Waits for a caller's pod; after a while it is a caller of whom none is known.
    pub(super) async fn wait_for_pod(&self, caller: Arc<Caller>, unknown: Unknown) -> Arc<Caller> {
        let Some(identifier) = &self.identifier else {
            return caller;
        };
        let mut caller = Arc::unwrap_or_clone(caller);
        identifier.identify(&mut caller, unknown).await;
        Arc::new(caller)
    }

    /// Judges live connections again whenever something else is known of their pods, for ever.
    pub async fn follow_pods(self: Arc<Self>) {
        let Some(identifier) = &self.identifier else {
            return;
        };
        let mut changes = identifier.changes();
        while changes.changed().await.is_ok() {
            let gateway = Arc::clone(&self);
            // With many it takes a while.
            let judged = spawn_blocking(move || gateway.judge_again()).await;
            if let Err(error) = judged
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
            sleep(PAUSE).await;
        }
    }

    /// Has a connection know what is known of its pod by now; whether that is something else than before.
    pub(super) fn learn_of_pod(&self, connection: &Connection) -> bool {
        let identifier = self.identifier.as_ref();
        let renewed = identifier.and_then(|identifier| identifier.renewed(&connection.caller()));
        let Some(caller) = renewed else { return false };
        connection.set_caller(caller);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CgroupId;

    #[test]
    fn connections_of_one_caller_share_what_is_known_of_it_and_no_other_is_given_for_it() {
        let caller = Caller {
            pid: 7,
            ..Caller::unknown(CgroupId(1))
        };
        let first = shared(caller.clone());
        assert!(Arc::ptr_eq(&first, &shared(caller.clone())));
        // One that has its place, and one that is the same process after it has moved.
        for other in [
            Caller {
                pid: caller.pid + 64,
                ..caller.clone()
            },
            Caller {
                cgroup: CgroupId(2),
                ..caller.clone()
            },
        ] {
            assert_eq!(*shared(other.clone()), other);
            assert_eq!(*shared(caller.clone()), caller);
        }
    }
}
