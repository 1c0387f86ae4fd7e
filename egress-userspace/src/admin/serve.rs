//! Accepts and bounds the connections of the admin servers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::{Door, Site};

/// Connections at once. A scraper and a prober use one each.
const MAX_CONNECTIONS: usize = 32;

/// For a whole connection, which is one request and its answer: Prometheus' default for a scrape is 10 s; a
/// reload of the largest registry, which is waited for, takes longer on a busy node.
const DEADLINE: Duration = Duration::from_mins(1);

/// For the request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of the request's head; a scraper's has some hundreds. Hyper takes no less than 8 KiB.
const MAX_HEAD: usize = 8 * 1024;

/// Pause after a failed accept. When descriptors have run out, the next accept fails too, at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
pub trait Listening {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listening for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }
}

impl Listening for Door {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Self::accept(self).await
    }
}

/// Serves `site`; dropped, it gives up the requests that are under way.
///
/// When all places are taken, the oldest connection makes way: a scraper asks at once, and one that
/// holds a connection without asking must not keep others out.
pub async fn serve(listener: impl Listening, site: Site) {
    let mut requests = JoinSet::new();
    let mut places = VecDeque::with_capacity(MAX_CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok(stream) => {
                while requests.try_join_next().is_some() {}
                places.retain(|place: &AbortHandle| !place.is_finished());
                if places.len() == MAX_CONNECTIONS {
                    places.pop_front().inspect(AbortHandle::abort);
                }
                places.push_back(requests.spawn(one_request(stream, site.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an admin connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn one_request(stream: impl AsyncRead + AsyncWrite + Unpin, site: Site) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(site.respond(request).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(DEADLINE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin request failed"),
        Err(_elapsed) => tracing::debug!("an admin request took too long"),
    }
}

#[cfg(test)]
mod tests;
