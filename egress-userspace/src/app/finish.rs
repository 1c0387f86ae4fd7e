//! The time that connections have when the gateway ends.

use std::pin::pin;
use std::time::Duration;

use anyhow::bail;
use tokio::time::interval;
use tracing::{error, info};

use crate::drain::Drain;

use super::manager::Watchdog;
use super::vital::Vital;
use super::{RENEW, Stop};

/// What goes on to the end of connections.
pub(super) struct Finish<'a> {
    pub(super) drain: &'a Drain,
    /// How long connections have.
    pub(super) patience: Duration,
    pub(super) vital: &'a mut Vital,
    pub(super) watchdog: &'a mut Watchdog,
    /// Whether it does not end without a signal, because another gateway has taken over.
    pub(super) is_awaited: bool,
}

impl Finish<'_> {
    /// Gives connections their time, which a signal cuts short: but not the first one where a signal is awaited, without
    /// which it does not come back, unless that other gateway `is_gone`. Then an error says that it should: nobody
    /// serves in its place. So does an error if vital work has broken off.
    pub(super) async fn connections(
        self,
        stop: &mut Stop,
        mut is_gone: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let mut look = interval(RENEW);
        let mut draining = pin!(self.drain.run(self.patience));
        let mut watchdog = pin!(self.watchdog.keep_alive(RENEW));
        let mut is_awaited = self.is_awaited;
        let mut is_draining = true;
        let mut finished = Ok(());
        while is_draining || is_awaited {
            tokio::select! {
                () = &mut draining, if is_draining => {
                    is_draining = false;
                    if is_awaited {
                        info!("all connections have ended: waiting to be told to end");
                    }
                }
                _ = stop.told() => {
                    if !std::mem::take(&mut is_awaited) {
                        self.drain.cut().await;
                        break;
                    }
                }
                // It ends already: connections have what is left of their time, and no more, as they have where work
                // breaks off before. One that is awaited goes on waiting: another gateway serves.
                broken = self.vital.ended(), if finished.is_ok() => {
                    error!("{broken}");
                    finished = Err(broken);
                }
                _ = look.tick(), if is_awaited => {
                    // Connections have their time all the same, in which another may begin to serve.
                    if is_gone() && !is_draining {
                        bail!("the gateway that took over from this one has ended");
                    }
                }
                () = &mut watchdog => {}
            }
        }
        Ok(finished?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Has a connection end by a cut; gives how it ended, and how long it took.
    async fn finished(
        drain: &Drain,
        vital: &mut Vital,
        is_awaited: bool,
    ) -> (Result<(), String>, Duration) {
        drain
            .connections
            .spawn(drain.cutting.clone().cancelled_owned());
        let finish = Finish {
            drain,
            patience: PATIENCE,
            vital,
            watchdog: &mut Watchdog::default(),
            is_awaited,
        };
        let mut stop = Stop::new().expect("signals");
        let begun = Instant::now();
        let finished = finish.connections(&mut stop, || true).await;
        let finished = finished.map_err(|error| error.to_string());
        (finished, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_off_while_connections_have_their_time_is_an_error() {
        let mut vital = Vital::default();
        vital.spawn("lasting", sleep(PATIENCE / 2));
        let broken = "lasting has broken off, without which the gateway cannot go on";
        let expected = (Err(broken.into()), PATIENCE);
        assert_eq!(
            finished(&Drain::default(), &mut vital, false).await,
            expected
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_with_the_drain_is_none() {
        let (drain, mut vital) = (Drain::default(), Vital::default());
        let until = drain.accepting.clone();
        vital.spawn_until(until.clone(), "accepting", until.cancelled_owned());
        let expected = (Ok(()), PATIENCE);
        assert_eq!(finished(&drain, &mut vital, false).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_awaited_ends_where_nobody_serves_in_its_place() {
        let (ended, lasted) = finished(&Drain::default(), &mut Vital::default(), true).await;
        let gone = "the gateway that took over from this one has ended";
        assert_eq!(ended, Err(gone.into()));
        assert!(lasted >= PATIENCE, "{lasted:?}");
    }
}
