//! From a permit to a connected socket: resolve, guard the answer, connect.

mod connect;
mod error;
mod guard;
mod order;
mod plan;
mod resolve;
mod runtime;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use self::connect::AttemptError;
use self::guard::Cleared;
use crate::net::Mark;
use crate::policy::Permit;
use crate::types::UpstreamAddr;

pub use self::error::{DialError, ResolveError};
pub use self::guard::{Class, Refused};
pub use self::resolve::{Answer, HickoryResolver, Resolve, Resolving, servers};
pub use self::settings::{DialSettings, DnsSettings};

/// Makes the gateway's own connections.
pub struct Dialer {
    settings: DialSettings,
    resolver: Arc<dyn Resolve>,
    marker: Arc<dyn Mark>,
    /// Counts connections, so that each starts at another of a service's addresses.
    turn: AtomicUsize,
}

/// A connection to where a permit leads.
#[derive(Debug)]
pub struct Upstream {
    /// The connected socket.
    pub stream: TcpStream,
    /// Where it is connected to.
    pub addr: UpstreamAddr,
    /// How long resolving took; `None`: there was no name to resolve.
    pub resolve_time: Option<Duration>,
    /// How long connecting took.
    pub connect_time: Duration,
    /// The client's own address was not among the name's, so another is dialled.
    pub redialled: bool,
}

impl Dialer {
    /// A dialer that asks `resolver` for names and has `marker` exempt its sockets.
    pub fn new(settings: DialSettings, resolver: Arc<dyn Resolve>, marker: Arc<dyn Mark>) -> Self {
        Self {
            settings,
            resolver,
            marker,
            turn: AtomicUsize::new(0),
        }
    }

    /// Connects to where `permit` leads.
    pub async fn dial(&self, permit: &Permit) -> Result<Upstream, DialError> {
        let started = Instant::now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let plan = plan::plan(permit, &self.resolver, turn).await?;
        let planned = Instant::now();
        let (addr, stream) = self.connect(&plan.addresses).await?;
        Ok(Upstream {
            stream,
            addr: UpstreamAddr::new(addr),
            resolve_time: plan.resolved.then(|| planned - started),
            connect_time: planned.elapsed(),
            redialled: plan.redialled,
        })
    }

    async fn connect(&self, addresses: &[Cleared]) -> Result<(SocketAddr, TcpStream), DialError> {
        let DialSettings {
            connect_timeout,
            attempt_delay,
        } = self.settings;
        let attempt = |addr| connect::open(addr, Arc::clone(&self.marker));
        timeout(
            connect_timeout,
            connect::race(addresses, attempt_delay, attempt),
        )
        .await
        .map_err(|_elapsed| DialError::Timeout {
            after: connect_timeout,
        })?
        .map_err(|failure| match failure {
            Some((addr, AttemptError::Socket(source))) => DialError::Socket { addr, source },
            Some((addr, AttemptError::Connect(source))) => DialError::Connect { addr, source },
            None => DialError::NoEndpoint,
        })
    }
}

#[cfg(test)]
mod tests;
