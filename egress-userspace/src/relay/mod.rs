//! Joins two sockets until both directions have ended.
//!
//! Each direction goes Idle → Copy → Stream → Idle by itself. Idle, it holds no buffer. What comes
//! first goes through a scratch buffer of the thread; what proves to be bulk goes through a pipe,
//! inside the kernel. A peer's end of stream is passed on when all its bytes are; a reset stays a
//! reset. The relay sets no socket options and knows nothing of names or rules.

mod activity;
mod copy;
mod counters;
mod direction;
mod end;
mod gear;
mod pair;
mod pipe;
mod pool;
mod splice;

#[cfg(test)]
mod tests;

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::{select, time};

pub use counters::Counters;
pub use end::{CloseReason, Cut, End, Ended, Side};
pub use gear::Mode;
pub use pool::{Stats, stats};

use crate::types::ConnectionPool;

use activity::Activity;
use direction::{Direction, LAST_BYTES, Shared};
use gear::Gear;
use pair::Pair;

/// How a relay works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The engine.
    pub mode: Mode,
    /// The relay ends after this long without a byte in either direction; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// The relay ends after this long, whatever moves; `None`: never.
    pub max_duration: Option<Duration>,
    /// Pipes in use at once, in the whole process; a direction that finds none left copies.
    pub max_pipes: usize,
}

impl Options {
    /// Enough that only a host with hundreds of blocked bulk transfers copies, for 1,024
    /// descriptors and at most 128 MiB held in pipes.
    pub const DEFAULT_MAX_PIPES: usize = 512;

    /// The same, within what a service says of its own connections.
    #[must_use]
    pub fn bounded_by(&self, pool: &ConnectionPool) -> Self {
        Self {
            idle_timeout: match pool.idle_timeout {
                // Istio's word for ever.
                Some(Duration::ZERO) => None,
                Some(timeout) => Some(timeout),
                None => self.idle_timeout,
            },
            max_duration: pool.max_connection_duration.or(self.max_duration),
            ..self.clone()
        }
    }
}

/// Joins `client` and `upstream` until both directions have ended, or one end ends both.
///
/// `prefix` is what was already read from the client; it is written upstream first, and counted.
/// Only when each side has sent its end of stream are the sockets closed in the normal way: in any
/// other case, and when the future is dropped, both peers see a reset, so that a stream cut short
/// never looks complete.
pub async fn relay(
    client: TcpStream,
    upstream: TcpStream,
    prefix: Bytes,
    options: &Options,
    counters: &Counters,
    cancel: impl Future<Output = ()>,
) -> Ended {
    let pair = Pair::new(client, upstream);
    let shared = Shared::new();
    let up = Direction::new(pair.client(), pair.upstream(), &counters.sent, &shared);
    let down = Direction::new(pair.upstream(), pair.client(), &counters.received, &shared);

    let closed = select! {
        biased;
        closed = both(&up, &down, prefix, options) => closed,
        () = idle(&shared.activity, options.idle_timeout) => Err(Cut::IdleTimeout),
        () = after(options.max_duration) => Err(Cut::MaxDuration),
        () = cancel => Err(Cut::Cancelled),
    };

    let ended = Ended::new(up.end(), down.end(), closed);
    if closed.is_ok() {
        pair.close();
    }
    ended
}

/// Runs both directions; says which side finished first, or what cut the relay short.
async fn both(
    up: &Direction<'_>,
    down: &Direction<'_>,
    prefix: Bytes,
    options: &Options,
) -> Result<Side, Cut> {
    let mut upward = pin!(up.run(prefix, Gear::new(options)));
    let mut downward = pin!(down.run(Bytes::new(), Gear::new(options)));
    let first = select! {
        biased;
        ended = &mut upward => {
            ended?;
            alone(downward, down).await?;
            Side::Client
        }
        ended = &mut downward => {
            ended?;
            alone(upward, up).await?;
            Side::Upstream
        }
    };
    up.shared.cut().map_or(Ok(first), Err)
}

/// Runs the direction that is left. Its destination is no longer read from, so a reset of it has
/// to be watched for.
async fn alone(
    run: Pin<&mut impl Future<Output = Result<(), Cut>>>,
    direction: &Direction<'_>,
) -> Result<(), Cut> {
    select! {
        biased;
        ended = run => ended,
        cut = direction.to.failure() => Err(cut),
        () = last_bytes(direction.shared) => Ok(()),
    }
}

/// Ends a while after a reset; without one, never.
async fn last_bytes(shared: &Shared) {
    match shared.cut() {
        Some(_) => time::sleep(LAST_BYTES).await,
        None => pending().await,
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
