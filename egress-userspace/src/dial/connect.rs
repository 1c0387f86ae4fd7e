//! Connecting to one address.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::TcpStream;

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// The socket could not be made, or has no port to come from; nothing was sent.
    Socket(io::Error),
    /// The address did not accept.
    Connect(io::Error),
}

/// What a connection is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// There are bytes to be sent as soon as it is made.
    pub(super) speaks: bool,
    /// The gateway has something to say itself before the client's first bytes, which are not to wait until that is
    /// acknowledged.
    pub(super) introduces: bool,
}

/// A socket that is being connected.
pub(super) enum Connecting {
    /// The peer has accepted already, as one on this node does before the call is over.
    Done(TcpStream),
    /// It is waited for.
    Waiting(TcpStream),
}

/// Connects a socket to `addr`.
pub(super) async fn open(addr: SocketAddr, wanted: Wanted) -> Result<TcpStream, AttemptError> {
    begin(addr, wanted)?.finish().await
}

/// Begins to connect a socket to `addr`.
pub(super) fn begin(addr: SocketAddr, wanted: Wanted) -> Result<Connecting, AttemptError> {
    let socket = prepare(addr, wanted).map_err(AttemptError::Socket)?;
    let answered = connect(&socket, addr).map_err(of_connecting)?;
    // To the runtime only now: a socket that nobody has connected yet would look as if it had failed.
    let begun = if answered {
        TcpStream::connected(socket.into()).map(Connecting::Done)
    } else {
        TcpStream::from_std(socket.into()).map(Connecting::Waiting)
    };
    begun.map_err(AttemptError::Socket)
}

/// Begins to connect; says whether the peer has accepted already.
fn connect(socket: &Socket, addr: SocketAddr) -> io::Result<bool> {
    match socket.connect(&addr.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            Ok(socket.peer_addr().is_ok())
        }
        connected => connected.map(|()| true),
    }
}

impl Connecting {
    /// Waits for what has been begun.
    pub(super) async fn finish(self) -> Result<TcpStream, AttemptError> {
        let stream = match self {
            Self::Done(stream) => return Ok(stream),
            Self::Waiting(stream) => stream,
        };
        stream.writable().await;
        let error = stream.take_error();
        error
            .and_then(|error| error.map_or(Ok(()), Err))
            .map_err(of_connecting)?;
        Ok(stream)
    }
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

fn prepare(addr: SocketAddr, wanted: Wanted) -> io::Result<Socket> {
    let stream = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new_raw(Domain::for_address(addr), stream, Some(Protocol::TCP))?;
    if wanted.introduces {
        socket.set_tcp_nodelay(true)?;
    }
    if wanted.speaks {
        // The handshake is acknowledged by the first bytes, and what they are answered by with those
        // that follow: packets that the kernel would send at once, and each of which wakes the peer.
        socket.set_tcp_quickack(false)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests;
