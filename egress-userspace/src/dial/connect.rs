//! Connecting to the first of several addresses that answers (RFC 8305, "happy eyeballs").

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::guard::Cleared;
use crate::net::Mark;

/// Idle time before the first keepalive probe: under the 240 s after which Azure's NAT, the most
/// impatient of the large clouds', forgets a flow.
const KEEPALIVE_TIME: Duration = Duration::from_mins(3);
/// Time between probes. With the kernel's nine probes a dead upstream is found in under eight
/// minutes, long before the idle timeout.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// The socket could not be made or marked; nothing was sent.
    Socket(io::Error),
    /// The address did not accept.
    Connect(io::Error),
}

/// Tries `addresses` in their order, a new one every `delay` and at once when one fails, and takes
/// the first that succeeds. The rest are given up.
///
/// If all fail, the failure of the earliest is returned, being the most wanted; `None` if there is
/// no address.
pub(super) async fn race<T, F>(
    addresses: &[Cleared],
    delay: Duration,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, T), Option<(SocketAddr, AttemptError)>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AttemptError>> + Send + 'static,
{
    let mut waiting = addresses.iter().map(|cleared| cleared.addr()).enumerate();
    let mut running = JoinSet::new();
    let mut earliest: Option<(usize, SocketAddr, AttemptError)> = None;
    loop {
        if let Some((rank, addr)) = waiting.next() {
            let connecting = attempt(addr);
            running.spawn(async move { (rank, addr, connecting.await) });
        }
        let patience = if waiting.len() == 0 {
            Duration::MAX
        } else {
            delay
        };
        match timeout(patience, running.join_next()).await {
            Ok(Some(Ok((_, addr, Ok(stream))))) => return Ok((addr, stream)),
            Ok(Some(Ok((rank, addr, Err(error))))) => {
                if earliest.as_ref().is_none_or(|(first, ..)| rank < *first) {
                    earliest = Some((rank, addr, error));
                }
            }
            Ok(None) => return Err(earliest.map(|(_, addr, error)| (addr, error))),
            // An attempt that panicked is one that failed; the panic hook has told of it.
            Ok(Some(Err(_panic))) => {}
            Err(_elapsed) => {}
        }
    }
}

/// Connects a marked socket to `addr`.
pub(super) async fn open(
    addr: SocketAddr,
    marker: Arc<dyn Mark>,
) -> Result<TcpStream, AttemptError> {
    let socket = prepare(addr, &*marker).map_err(AttemptError::Socket)?;
    socket.connect(addr).await.map_err(AttemptError::Connect)
}

fn prepare(addr: SocketAddr, marker: &dyn Mark) -> io::Result<TcpSocket> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    marker.mark(socket.as_fd())?;
    // The client's own writes set the rhythm; Nagle's algorithm would add delay to it.
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
