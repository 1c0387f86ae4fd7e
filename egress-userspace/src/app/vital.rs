//! Work without which the gateway would go on by what no longer holds.

use std::future::{Future, pending};

use tokio::task::JoinSet;

/// Work that goes on until the gateway ends. Where it ends before, by a panic as well, so does the gateway.
#[derive(Debug, Default)]
pub(super) struct Vital(JoinSet<&'static str>);

impl Vital {
    /// Does `work`, which is called `what`.
    pub(super) fn spawn(
        &mut self,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let work = tokio::spawn(work);
        self.0.spawn(async move {
            // That it ended is enough; a panic has been told of.
            let _ = work.await;
            what
        });
    }

    /// Waits for some work to end; gives what it is called. Nothing is lost if the wait is abandoned.
    pub(super) async fn ended(&mut self) -> &'static str {
        loop {
            match self.0.join_next().await {
                Some(Ok(what)) => return what,
                // Nobody aborts it.
                Some(Err(_)) => {}
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
        assert_eq!(vital.ended().await, "broken");
        assert_eq!(vital.ended().now_or_never(), None);
    }
}
