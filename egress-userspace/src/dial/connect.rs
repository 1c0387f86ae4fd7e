//! Connecting to the first of several addresses that answers (RFC 8305, "happy eyeballs").

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

use crate::net::Mark;
use crate::types::Keepalive;

/// Idle time before the first keepalive probe: under the 240 s after which Azure's NAT, the most
/// impatient of the large clouds', forgets a flow.
const KEEPALIVE_TIME: Duration = Duration::from_mins(3);
/// Time between probes. With the kernel's nine probes a dead upstream is found in under eight
/// minutes, long before the idle timeout.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// The socket could not be made or marked, or has no port to come from; nothing was sent.
    Socket(io::Error),
    /// The address did not accept.
    Connect(io::Error),
}

/// Connects a marked socket to `addr`.
pub(super) async fn open(
    addr: SocketAddr,
    keepalive: Option<Keepalive>,
    marker: Arc<dyn Mark>,
) -> Result<TcpStream, AttemptError> {
    let socket = prepare(addr, keepalive, &*marker).map_err(AttemptError::Socket)?;
    socket.connect(addr).await.map_err(of_connecting)
}

/// That the node has used up its ports towards an address, perhaps for one caller alone, is not held
/// against the address.
fn of_connecting(error: io::Error) -> AttemptError {
    if error.kind() == io::ErrorKind::AddrNotAvailable {
        AttemptError::Socket(error)
    } else {
        AttemptError::Connect(error)
    }
}

fn prepare(
    addr: SocketAddr,
    keepalive: Option<Keepalive>,
    marker: &dyn Mark,
) -> io::Result<TcpSocket> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    marker.mark(socket.as_fd())?;
    // The client's own writes set the rhythm; Nagle's algorithm would add delay to it.
    socket.set_nodelay(true)?;
    SockRef::from(&socket).set_tcp_keepalive(&probes(keepalive))?;
    Ok(socket)
}

fn probes(keepalive: Option<Keepalive>) -> TcpKeepalive {
    let probes = TcpKeepalive::new();
    match keepalive {
        Some(Keepalive {
            time,
            interval,
            probes: count,
        }) => probes
            .with_time(time)
            .with_interval(interval)
            .with_retries(count),
        None => probes
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL),
    }
}

#[cfg(test)]
mod tests;
