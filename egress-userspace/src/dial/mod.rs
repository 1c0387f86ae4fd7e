//! From a permit to a connected socket: resolve, guard the answer, choose, connect.
//!
//! What a service's traffic policy says is done here, but for what holds while bytes move: that is
//! in [`Upstream::pool`] for whoever moves them.

mod balance;
mod confines;
mod connect;
mod error;
mod guard;
mod lease;
mod memory;
mod names;
mod order;
mod outlier;
mod plan;
mod proxy;
mod race;
mod resolve;
mod seen;
mod service;
mod settings;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::balance::Balance;
use self::connect::{AttemptError, Connecting, Wanted};
use self::guard::Cleared;
use self::names::Names;
use self::order::order;
use self::race::{Lost, Pace, race};
use self::service::State;
use crate::net::{self, TcpStream};
use crate::policy::Permit;
use crate::types::{
    Claim, ClientAddr, ConnectionPool, HostName, OriginalDst, ProxyProtocol, TrafficPolicy,
    UpstreamAddr,
};

pub use self::confines::Confines;
pub use self::error::{DialError, ResolveError};
pub use self::guard::{Class, Refused, check_answer, is_special};
pub use self::lease::Lease;
pub use self::memory::Memory;
pub(crate) use self::memory::SPARE_ATTEMPTS;
pub use self::resolve::{Answer, HickoryResolver, Resolve, Resolving, servers};
pub use self::seen::Seen;
pub use self::service::ServiceStats;
pub use self::settings::{DialSettings, DnsSettings};
pub use self::tls::{
    Bound, Bridges, Contexts, TlsError, authorities_in, certificates, in_the_clear, key,
};

/// Makes the gateway's own connections. Cheap to clone: what is in it is shared.
#[derive(Clone)]
pub struct Dialer {
    settings: DialSettings,
    names: Names,
    memory: Arc<Memory>,
    contexts: Arc<Contexts>,
    bridges: Bridges,
}

/// Whose connection is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Where the client's socket is.
    pub client: ClientAddr,
    /// Where it wanted to go.
    pub dst: OriginalDst,
    /// What it said in its first bytes.
    pub claim: &'a Claim,
    /// It has said something: there are bytes to be passed on as soon as the connection is made.
    pub speaks: bool,
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
    /// What its service says of it while it lasts.
    pub pool: ConnectionPool,
    /// Its room among its service's connections: to be held as long as it lasts.
    pub lease: Lease,
}

impl Dialer {
    /// A dialer that asks `resolver` for names, and knows what the dialers before it learned.
    pub fn new(settings: DialSettings, resolver: Arc<dyn Resolve>, memory: Arc<Memory>) -> Self {
        let names = Names {
            resolver,
            seen: Arc::clone(memory.seen()),
            grace: settings.grace,
        };
        Self {
            settings,
            names,
            memory,
            contexts: Arc::default(),
            bridges: Bridges::default(),
        }
    }

    /// The same dialler, speaking TLS to upstreams as `contexts` say, among `bridges`.
    #[must_use]
    pub fn speaking(&self, contexts: Contexts, bridges: Bridges) -> Self {
        Self {
            contexts: Arc::new(contexts),
            bridges,
            ..self.clone()
        }
    }

    /// What it remembers.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The addresses of a name, at least one; whether they may be dialled is not said.
    pub async fn addresses(&self, name: &HostName) -> Result<Vec<IpAddr>, DialError> {
        let answer = self.names.ask(name).await;
        answer.map_err(|source| DialError::Resolve {
            name: name.clone(),
            source,
        })
    }

    /// Connects to where `permit` leads.
    pub async fn dial(&self, permit: &Permit, ends: &Ends<'_>) -> Result<Upstream, DialError> {
        self.dial_within(permit, ends, &Confines::NONE).await
    }

    /// Connects to where `permit` leads, as far as `confines` let it.
    pub async fn dial_within(
        &self,
        permit: &Permit,
        ends: &Ends<'_>,
        confines: &Confines<'_>,
    ) -> Result<Upstream, DialError> {
        let started = Instant::now();
        let TrafficPolicy {
            pool,
            balancer,
            proxy_protocol,
            ref tls,
            ..
        } = *permit.terms().traffic;
        let state = self.memory.services.state(permit);
        let mut lease =
            Lease::take(state.as_ref(), pool.max_connections).ok_or(DialError::Overflow)?;
        let here = self.settings.locality.as_ref();
        let mut plan = plan::plan(permit, &self.names, here, confines.pinned).await?;
        confines.hold(&mut plan.candidates)?;
        let planned = Instant::now();
        let all: Vec<_> = match &state {
            Some(_) => plan.candidates.iter().map(|c| c.addr.addr()).collect(),
            // Nobody asks for them.
            None => Vec::new(),
        };
        let mut balance = Balance {
            balancer,
            turn: self.memory.turn(permit),
            source: balance::source(ends.client.ip()),
            state: state.as_deref(),
            rng: Rng::new(),
        };
        let addresses = order(plan.candidates, &mut balance);
        let failed = |addr| blame(state.as_deref(), permit, addr, &all);
        let introduces = proxy_protocol.is_some() || tls.is_some();
        let wanted = Wanted {
            // What the gateway itself says comes first, and at once.
            speaks: ends.speaks || introduces,
            introduces,
        };
        let (addr, mut stream) = self.connect(&addresses, &pool, wanted, failed).await?;
        lease.settle(addr);
        if let Some(version) = proxy_protocol {
            let after = self.connect_timeout(&pool);
            Box::pin(introduce(version, ends, &mut stream, addr, after)).await?;
        }
        if let Some(tls) = tls {
            let wanted = tls::Wanted {
                tls,
                name: permit.target().name().or(ends.claim.name()),
                ip: addr.ip(),
                alpn: ends.claim.alpn(),
            };
            let after = self.connect_timeout(&pool);
            // Whoever holds the connection holds only this node's end of it.
            net::probe(&stream, pool.keepalive)
                .map_err(|source| DialError::Socket { addr, source })?;
            let given_up = CancellationToken::new();
            let bridges = &self.bridges;
            let guard = given_up.clone().drop_guard();
            let securing = tls::originate(&self.contexts, &wanted, stream, bridges, given_up);
            stream = Box::pin(secured(securing, addr, after)).await?;
            lease.bridged(guard);
        }
        Ok(Upstream {
            stream,
            addr: UpstreamAddr::new(addr),
            resolve_time: plan.resolved.then(|| planned - started),
            connect_time: planned.elapsed(),
            redialled: plan.redialled,
            pool,
            lease,
        })
    }

    async fn connect(
        &self,
        addresses: &[Cleared],
        pool: &ConnectionPool,
        wanted: Wanted,
        failed: impl Fn(SocketAddr),
    ) -> Result<(SocketAddr, TcpStream), DialError> {
        let (first, others) = addresses.split_first().ok_or(DialError::NoEndpoint)?;
        let addr = first.addr();
        let begun = match connect::begin(addr, wanted) {
            // There is no race, and no room for one.
            Ok(Connecting::Done(stream)) => return Ok((addr, stream)),
            begun => begun,
        };
        let pace = Pace {
            timeout: self.connect_timeout(pool),
            delay: self.settings.attempt_delay,
            spare: Arc::clone(&self.memory.spare),
        };
        let first = async move { begun?.finish().await };
        let attempt = |addr| connect::open(addr, wanted);
        Box::pin(race((addr, first), others, &pace, attempt, failed))
            .await
            .map_err(|lost| match lost {
                Lost::Nowhere => DialError::NoEndpoint,
                Lost::Timeout => DialError::Timeout {
                    after: pace.timeout,
                },
                Lost::Failed(addr, AttemptError::Socket(source)) => {
                    DialError::Socket { addr, source }
                }
                Lost::Failed(addr, AttemptError::Connect(source)) => {
                    DialError::Connect { addr, source }
                }
            })
    }

    /// For each step: connecting, and what is said before the client's own bytes.
    fn connect_timeout(&self, pool: &ConnectionPool) -> Duration {
        pool.connect_timeout
            .unwrap_or(self.settings.connect_timeout)
    }
}

/// Tells the upstream who the client is. Nothing was sent before, so there is room for it.
async fn introduce(
    version: ProxyProtocol,
    ends: &Ends<'_>,
    stream: &mut TcpStream,
    addr: SocketAddr,
    after: Duration,
) -> Result<(), DialError> {
    let header = proxy::header(version, ends.client, ends.dst);
    timeout(after, stream.write_all(&header))
        .await
        .map_err(|_elapsed| DialError::Timeout { after })?
        .map_err(|source| DialError::Connect { addr, source })
}

/// What became of speaking TLS to an upstream.
async fn secured(
    securing: impl Future<Output = io::Result<TcpStream>>,
    addr: SocketAddr,
    after: Duration,
) -> Result<TcpStream, DialError> {
    timeout(after, securing)
        .await
        .map_err(|_elapsed| DialError::Timeout { after })?
        .map_err(|source| DialError::Tls { addr, source })
}

/// Holds a failure against an address, if its service wants that.
fn blame(state: Option<&State>, permit: &Permit, addr: SocketAddr, all: &[SocketAddr]) {
    if let (Some(state), Some(rules)) = (state, &permit.terms().traffic.outlier) {
        state.failed(addr, all, rules);
    }
}

#[cfg(test)]
mod tests;
