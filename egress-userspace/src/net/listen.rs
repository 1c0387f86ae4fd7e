//! The sockets that the kernel turns connections and DNS queries to.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tracing::debug;

use super::sys;

/// Connections that wait for `accept()`. The kernel cuts it to `net.core.somaxconn`, 4096 by default;
/// a full backlog makes clients retry their SYN, which the record of the connection survives.
pub(super) const BACKLOG: i32 = 4096;

/// Congestion control that sends what the window allows at once, and that every kernel has.
const UNPACED: &[u8] = b"reno";

/// The sockets of one network namespace, on the same port of both loopback addresses.
#[derive(Debug)]
pub struct Bound {
    /// On 127.0.0.1.
    pub(super) v4: Pair,
    /// On `::1`; `None`: this namespace has no IPv6, and so no IPv6 client.
    v6: Option<Pair>,
    port: u16,
}

/// What arrives at one address.
#[derive(Debug)]
pub(super) struct Pair {
    /// Connections.
    pub(super) listener: Socket,
    /// DNS queries.
    datagrams: Socket,
}

/// The sockets.
#[derive(Debug)]
pub struct Sockets {
    /// For connections. They do not block, and belong to no reactor yet.
    pub listeners: Vec<std::net::TcpListener>,
    /// For DNS queries, with the runtime.
    pub datagrams: Vec<UdpSocket>,
}

impl Bound {
    /// Binds the first of `ports` that is free on both loopback addresses.
    pub(super) fn new(ports: Range<u16>) -> io::Result<Self> {
        let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports {
            match Self::on(port) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = error,
                bound => return bound,
            }
        }
        Err(taken)
    }

    fn on(port: u16) -> io::Result<Self> {
        let v4 = Pair::bind((Ipv4Addr::LOCALHOST, port).into())?;
        let v6 = match Pair::bind((Ipv6Addr::LOCALHOST, port).into()) {
            Ok(pair) => Some(pair),
            Err(error) if lacks_ipv6(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { v4, v6, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The sockets, those for DNS queries handed to the runtime.
    pub fn sockets(self) -> io::Result<Sockets> {
        let mut sockets = Sockets {
            listeners: Vec::new(),
            datagrams: Vec::new(),
        };
        for pair in [Some(self.v4), self.v6].into_iter().flatten() {
            sockets.listeners.push(pair.listener.into());
            let datagrams = UdpSocket::from_std(pair.datagrams.into())?;
            sockets.datagrams.push(datagrams);
        }
        Ok(sockets)
    }
}

impl Pair {
    fn bind(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            listener: bind(addr)?,
            datagrams: bind_datagrams(addr)?,
        })
    }
}

/// Listens on an address that another gateway, whose place is being taken, may listen on as well
/// (`SO_REUSEPORT`: processes of the same user only).
pub fn listen_shared(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A listener whose connections may go to any reactor: tokio's own gives them to the listener's.
#[derive(Debug)]
// As a stream it is waited for in the same way, and calls of its own can be made on it.
pub struct Listener(TcpStream);

impl Listener {
    /// Waits on the reactor of the current runtime.
    pub fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        TcpStream::from_std(OwnedFd::from(listener).into()).map(Self)
    }

    /// The next connection, with its peer's address. It does not block, and belongs to no reactor yet.
    pub async fn accept(&self) -> io::Result<(OwnedFd, SocketAddr)> {
        loop {
            self.0.readable().await?;
            let accept = || sys::accept(self.0.as_fd());
            match self.0.try_io(Interest::READABLE, accept) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                accepted => return accepted,
            }
        }
    }
}

/// Cookie of the network namespace that a socket is in (`SO_NETNS_COOKIE`, Linux 5.14).
pub(super) fn netns_cookie(socket: &impl AsFd) -> io::Result<u64> {
    sys::netns_cookie(socket.as_fd())
}

fn bind(addr: SocketAddr) -> io::Result<Socket> {
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
    // The same: what paces what it sends, as BBR does, which many nodes are set to, waits for timers, and
    // there is no network between the gateway and its clients that would have to be spared.
    if let Err(error) = socket.set_tcp_congestion(UNPACED) {
        debug!(%error, "connections to clients are paced as the node's others");
    }
    // The same: until a connection has come to its end it closes with a reset, whatever closes it. A
    // stream that is cut short must not look complete.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Never with `SO_REUSEADDR`: another process that has it too would get the datagrams.
fn bind_datagrams(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    Ok(socket)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpStream;

    use super::*;

    fn address_of(socket: &Socket) -> SocketAddr {
        let address = socket.local_addr().expect("an address");
        address.as_socket().expect("of IPv4 or IPv6")
    }

    #[test]
    fn an_accepted_socket_sends_at_once() {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a listener");
        let address = address_of(&listener);
        let _client = TcpStream::connect(address).expect("a client");
        let (accepted, _) = listener.accept().expect("accepted");
        assert!(accepted.tcp_nodelay().expect("the option"));
        let congestion = accepted.tcp_congestion().expect("the option");
        assert!(congestion.starts_with(UNPACED), "{congestion:?}");
    }

    #[test]
    fn an_accepted_socket_that_is_dropped_is_reset() {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a listener");
        let address = address_of(&listener);
        let mut client = TcpStream::connect(address).expect("a client");
        drop(listener.accept().expect("accepted"));
        let error = client.read(&mut [0]).expect_err("no end of stream");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let taken = bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).expect("a listener");
        let port = address_of(&taken).port();
        let bound = Bound::new(port..port.saturating_add(8)).expect("another port");
        assert_ne!(bound.port(), port);
        let none = Bound::new(port..port + 1).expect_err("no other port");
        assert_eq!(none.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_port_whose_datagrams_go_elsewhere_is_passed_over() {
        let taken = bind_datagrams(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a socket");
        let port = address_of(&taken).port();
        let none = Bound::new(port..port + 1).expect_err("no other port");
        assert_eq!(none.kind(), io::ErrorKind::AddrInUse);
    }
}
