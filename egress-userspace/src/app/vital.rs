//! Work without which the gateway would go on by what no longer holds.

use std::future::{Future, pending};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Work that goes on until the gateway ends. Where it ends before, by a panic as well, so does the gateway.
#[derive(Debug, Default)]
pub(super) struct Vital(JoinSet<Over>);

/// Work that has ended.
#[derive(Debug)]
struct Over {
    what: &'static str,
    /// From when on it has nothing to do.
    until: CancellationToken,
}

/// Some of it has ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} has broken off, without which the gateway cannot go on")]
pub(super) struct BrokenOff(&'static str);

impl Vital {
    /// Does `work`, which is called `what`.
    pub(super) fn spawn(
        &mut self,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_until(CancellationToken::new(), what, work);
    }

    /// The same for work that has nothing to do from when on `until` is cancelled.
    pub(super) fn spawn_until(
        &mut self,
        until: CancellationToken,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let work = tokio::spawn(work);
        self.0.spawn(async move {
            // That it ended is enough; a panic has been told of.
            let _ = work.await;
            Over { what, until }
        });
    }

    /// Waits for some work to end before its time. Nothing is lost if the wait is abandoned.
    pub(super) async fn ended(&mut self) -> BrokenOff {
        loop {
            match self.0.join_next().await {
                Some(Ok(Over { what, until })) if !until.is_cancelled() => return BrokenOff(what),
                // Nobody aborts it.
                Some(Ok(_) | Err(_)) => {}
                None => pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn work_that_panics_has_ended_and_no_other() {
        let mut vital = Vital::default();
        assert_eq!(vital.ended().now_or_never(), None);
        vital.spawn("lasting", pending());
        vital.spawn("broken", async { panic!("on purpose") });
        assert_eq!(vital.ended().await, BrokenOff("broken"));
        assert_eq!(vital.ended().now_or_never(), None);
    }

    #[tokio::test]
    async fn work_that_ends_when_its_time_is_over_has_not_broken_off() {
        let mut vital = Vital::default();
        let until = CancellationToken::new();
        vital.spawn_until(until.clone(), "in time", until.clone().cancelled_owned());
        until.cancel();
        vital.spawn_until(CancellationToken::new(), "too early", async {});
        assert_eq!(vital.ended().await, BrokenOff("too early"));
        while !vital.0.is_empty() {
            assert_eq!(vital.ended().now_or_never(), None);
            tokio::task::yield_now().await;
        }
    }
}
