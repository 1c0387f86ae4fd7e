//! Joins two sockets until both directions have ended.
//!
//! Each direction goes Idle → Copy → Stream → Idle by itself. Idle, it holds no buffer. What comes
//! first goes through a scratch buffer of the thread; what proves to be bulk goes through a pipe,
//! inside the kernel. A peer's end of stream is passed on when all its bytes are; a reset stays a
//! reset. The relay knows nothing of names or rules.

mod activity;
mod copy;
mod counters;
mod direction;
mod end;
mod flow;
mod gear;
mod joint;
mod ledger;
mod pair;
mod pipe;
mod pool;
mod splice;
mod turn;
mod work;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::select;
use tokio::time::timeout;

pub use counters::Counters;
pub use end::{CloseReason, Cut, End, Ended, Side};
pub use gear::Mode;
pub use pool::{Stats, stats};

use crate::net::TcpStream;
use crate::types::{ConnectionPool, Keepalive};

pub(crate) use copy::SCRATCH;
pub(crate) use direction::{Direction, LAST_BYTES};
pub(crate) use joint::Joint;

use work::Work;

/// How a relay works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The engine.
    pub mode: Mode,
    /// The relay ends after this long without a byte in either direction, or up to a quarter of a second later;
    /// `None`: never.
    pub idle_timeout: Option<Duration>,
    /// The relay ends after this long, whatever moves; `None`: never.
    pub max_duration: Option<Duration>,
    /// How it is seen that an upstream is still there; `None`: as the relay thinks best.
    pub keepalive: Option<Keepalive>,
    /// Pipes in use at once, in the whole process; a direction that finds none left copies.
    pub max_pipes: usize,
}

impl Options {
    /// Enough that only a host with hundreds of blocked bulk transfers copies, for 512 descriptors and at
    /// most 256 MiB held in pipes.
    pub const DEFAULT_MAX_PIPES: usize = 256;

    /// The same, within what a service says of its own connections. Those of services that say nothing
    /// share one.
    #[must_use]
    pub fn bounded_by(self: &Arc<Self>, pool: &ConnectionPool) -> Arc<Self> {
        let says_nothing = ConnectionPool {
            max_connections: pool.max_connections,
            connect_timeout: pool.connect_timeout,
            ..ConnectionPool::default()
        };
        if *pool == says_nothing {
            return Arc::clone(self);
        }
        Arc::new(Self {
            idle_timeout: match pool.idle_timeout {
                // Istio's word for ever.
                Some(Duration::ZERO) => None,
                Some(timeout) => Some(timeout),
                None => self.idle_timeout,
            },
            max_duration: pool.max_connection_duration.or(self.max_duration),
            keepalive: pool.keepalive.or(self.keepalive),
            ..(**self).clone()
        })
    }
}

/// Joins `client` and `upstream` until both directions have ended, or one end ends both.
///
/// `prefix` is what was already read from the client; it is written upstream first, at once, and counted.
/// Only when each side has sent its end of stream are the sockets closed in the normal way: in any
/// other case, and when the future is dropped, both peers see a reset, so that a stream cut short
/// never looks complete. The client's has to be one that closes so by itself: it is accepted from a
/// listener with `SO_LINGER` of zero.
pub fn relay<'a>(
    client: TcpStream,
    upstream: TcpStream,
    prefix: Bytes,
    options: &'a Options,
    counters: &'a Counters,
    mut cancel: impl Future<Output = ()> + Unpin + 'a,
) -> impl Future<Output = Ended> + 'a {
    // Made here and not in the block: what it is given and then moves would be held twice.
    let joint = Joint::new(client, upstream, options, counters);
    let begun = joint.up().begin_with(prefix);
    async move {
        let mut work = Work::new(&joint, begun);
        let closed = work.run(&mut cancel).await;
        work.settle();
        drop(work);
        let ended = Ended::new(joint.up().end(), joint.down().end(), closed);
        if closed.is_ok() {
            joint.close();
        }
        ended
    }
}

/// Runs what both directions do; says which side finished first, or what cut the relay short.
pub(crate) async fn both(
    up: &Direction<'_>,
    upward: impl Future<Output = Result<(), Cut>>,
    down: &Direction<'_>,
    downward: impl Future<Output = Result<(), Cut>>,
) -> Result<Side, Cut> {
    let (mut upward, mut downward) = (pin!(upward), pin!(downward));
    let first = select! {
        biased;
        ended = &mut upward => {
            ended?;
            alone(downward, *down).await?;
            Side::Client
        }
        ended = &mut downward => {
            ended?;
            alone(upward, *up).await?;
            Side::Upstream
        }
    };
    up.joint.cut().map_or(Ok(first), Err)
}

/// Runs what the direction that is left does, or ends with what cuts it short.
async fn alone(
    run: Pin<&mut impl Future<Output = Result<(), Cut>>>,
    direction: Direction<'_>,
) -> Result<(), Cut> {
    select! {
        biased;
        ended = run => ended,
        cut = lost(direction) => Err(cut),
    }
}

/// Ends when the direction that is left is to be given up. Its destination is no longer read from, so
/// a reset of it has to be watched for; and after a reset it has a while, and no longer.
async fn lost(left: Direction<'_>) -> Cut {
    let peer = left.to();
    let failure = peer.failure();
    match left.joint.cut() {
        None => failure.await,
        Some(cut) => timeout(LAST_BYTES, failure).await.unwrap_or(cut),
    }
}
