//! The listeners that the kernel turns connections to.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;

use super::sys;

/// Connections that wait for `accept()`. The kernel cuts it to `net.core.somaxconn`, 4096 by default;
/// a full backlog makes clients retry their SYN, which the record of the connection survives.
const BACKLOG: i32 = 4096;

/// The listeners of one network namespace, on the same port of both loopback addresses.
#[derive(Debug)]
pub struct Listeners {
    /// On 127.0.0.1.
    pub v4: TcpListener,
    /// On `::1`; `None`: this namespace has no IPv6, and so no IPv6 client.
    pub v6: Option<TcpListener>,
}

impl Listeners {
    /// Binds `port` on both loopback addresses.
    pub fn bind(port: u16) -> io::Result<Self> {
        let v4 = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let v6 = match bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(listener) => Some(listener),
            Err(error) if lacks_ipv6(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { v4, v6 })
    }
}

/// Cookie of the network namespace that a socket is in (`SO_NETNS_COOKIE`, Linux 5.14).
pub fn netns_cookie(socket: &impl AsFd) -> io::Result<u64> {
    sys::netns_cookie(socket.as_fd())
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A gateway that starts again takes the port although connections of the last one linger.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it: Nagle's algorithm would hold back the end of each response until
    // the client acknowledges what came before.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn an_accepted_socket_sends_at_once() {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let _client = TcpStream::connect(address).await.expect("a client");
        let (accepted, _) = listener.accept().await.expect("accepted");
        assert!(accepted.nodelay().expect("the option"));
    }
}
