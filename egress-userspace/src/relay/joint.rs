//! Two sockets that are joined: what a relay is made of, for those that look at bytes on their way too.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::{select, time};

use super::activity::Activity;
use super::direction::{Direction, Shared};
use super::end::Cut;
use super::pair::Pair;
use super::{Counters, Options};

/// Two joined sockets. Dropped before [`close`](Self::close), both are reset.
pub(crate) struct Joint<'a> {
    pair: Pair,
    shared: Shared,
    options: &'a Options,
    counters: &'a Counters,
}

impl<'a> Joint<'a> {
    pub(crate) fn new(
        client: TcpStream,
        upstream: TcpStream,
        options: &'a Options,
        counters: &'a Counters,
    ) -> Self {
        Self {
            pair: Pair::new(client, upstream),
            shared: Shared::new(),
            options,
            counters,
        }
    }

    /// From the client to the upstream.
    pub(crate) fn up(&self) -> Direction<'_> {
        let (from, to) = (self.pair.client(), self.pair.upstream());
        Direction::new(from, to, &self.counters.sent, &self.shared, self.options)
    }

    /// From the upstream to the client.
    pub(crate) fn down(&self) -> Direction<'_> {
        let (from, to) = (self.pair.upstream(), self.pair.client());
        Direction::new(
            from,
            to,
            &self.counters.received,
            &self.shared,
            self.options,
        )
    }

    /// Runs what moves the bytes until it is done, none moves for too long, or `cancel` ends.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, Cut>>,
        cancel: impl Future<Output = ()>,
    ) -> Result<T, Cut> {
        select! {
            biased;
            done = work => done,
            () = idle(&self.shared.activity, self.options.idle_timeout) => Err(Cut::IdleTimeout),
            () = after(self.options.max_duration) => Err(Cut::MaxDuration),
            () = cancel => Err(Cut::Cancelled),
        }
    }

    /// Closes both in the normal way.
    pub(crate) fn close(self) {
        self.pair.close();
    }

    /// Keeps the client's socket, to answer on it; `whole`: what the upstream was sent is, and so it
    /// is closed in the normal way.
    pub(crate) fn into_client(self, whole: bool) -> TcpStream {
        self.pair.into_client(whole)
    }
}

/// Ends `duration` from now; `None`: never.
async fn after(duration: Option<Duration>) {
    match duration {
        Some(duration) => time::sleep(duration).await,
        None => pending().await,
    }
}

/// Ends when nothing has moved for `timeout`.
async fn idle(activity: &Activity, timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => activity.ceased(timeout).await,
        None => pending().await,
    }
}
