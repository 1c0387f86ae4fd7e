//! The end of the gateway: no new connections, time for the old ones, then a cut.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// What every connection and listener watches.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Listeners take no more connections.
    pub accepting: CancellationToken,
    /// Connections are cut.
    pub cutting: CancellationToken,
    /// Counts listeners that close when they take no more connections, but for those that have come by then.
    pub listeners: TaskTracker,
    /// Counts connections.
    pub connections: TaskTracker,
    /// Counts who speaks TLS for connections, and may have something left to pass on when those have ended.
    pub bridges: TaskTracker,
}

impl Drain {
    /// Takes no more connections, waits for those there are to end by themselves for as long as
    /// `patience`, and cuts what is left.
    pub async fn run(&self, patience: Duration) {
        self.close();
        info!(connections = self.connections.len(), ?patience, "draining");
        if timeout(patience, self.wait()).await.is_ok() {
            return;
        }
        self.cut().await;
    }

    /// Takes no more connections, cuts those there are, and waits until all of it is recorded.
    pub async fn cut(&self) {
        self.close();
        warn!(
            connections = self.connections.len(),
            "cutting what has not ended"
        );
        self.cutting.cancel();
        self.wait().await;
    }

    /// Those that are counted are all that there will be: without that they are waited for for ever.
    fn close(&self) {
        self.accepting.cancel();
        self.listeners.close();
        self.connections.close();
        self.bridges.close();
    }

    /// Until all have ended that there will be.
    async fn wait(&self) {
        self.listeners.wait().await;
        self.connections.wait().await;
        self.bridges.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_have_their_time_and_no_more() {
        let drain = Drain::default();
        let cut = drain.cutting.clone();
        let connection = drain.connections.spawn(async move {
            cut.cancelled().await;
            tokio::time::Instant::now()
        });
        let begun = tokio::time::Instant::now();
        drain.run(Duration::from_secs(5)).await;
        let ended = connection.await.expect("the connection ends");
        assert_eq!(ended - begun, Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_ends_it_also_where_nothing_was_drained_before() {
        let drain = Drain::default();
        let cut = drain.cutting.clone();
        drain.connections.spawn(cut.cancelled_owned());
        let ended = timeout(Duration::from_secs(5), drain.cut()).await;
        assert_eq!(ended, Ok(()));
        assert!(drain.accepting.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_listener_takes_last_is_waited_for_and_what_that_leaves_to_be_passed_on() {
        let drain = Drain::default();
        let all = drain.clone();
        let a_second = || tokio::time::sleep(Duration::from_secs(1));
        drain.listeners.spawn(async move {
            all.accepting.cancelled().await;
            a_second().await;
            let bridges = all.bridges.clone();
            all.connections.spawn(async move {
                a_second().await;
                bridges.spawn(a_second());
            });
        });
        let begun = tokio::time::Instant::now();
        drain.run(Duration::from_secs(5)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_when_all_have_ended() {
        let drain = Drain::default();
        let begun = tokio::time::Instant::now();
        drain.run(Duration::from_secs(5)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(drain.accepting.is_cancelled());
        assert!(!drain.cutting.is_cancelled());
    }
}
