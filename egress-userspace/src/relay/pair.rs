//! The two sockets of a relay, and what is asked of each.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::time::Instant;

use super::end::{Cut, Side};
use crate::net::{self, TcpStream};
use crate::types::Keepalive;

/// Both sockets. Dropped before [`close`](Self::close), they are reset: a stream that was cut short,
/// by an error, because the task was dropped, or because the gateway died, must not look complete to
/// anyone. The client's was accepted from a listener of the gateway's, and so does that already.
pub(super) struct Pair {
    client: TcpStream,
    upstream: TcpStream,
}

impl Pair {
    pub(super) fn new(client: TcpStream, upstream: TcpStream) -> Self {
        set_linger(&upstream, Some(Duration::ZERO));
        Self { client, upstream }
    }

    pub(super) fn peer(&self, side: Side) -> Peer<'_> {
        let stream = match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        };
        Peer { side, stream }
    }

    /// Has the relay look again at `when`, or a little later. Each time it waits for one of the two sockets at least.
    pub(super) fn set_alarm(&self, when: Instant) {
        self.client.set_alarm(when);
        self.upstream.set_alarm(when);
    }

    /// Whether what was set has not rung yet.
    pub(super) fn has_alarm(&self) -> bool {
        self.client.has_alarm() && self.upstream.has_alarm()
    }

    /// Has the upstream be sent at once what is written, what waits included. The client's socket has it so from the
    /// start: from its listener, or from who speaks TLS with it.
    pub(super) fn prompt(&self) {
        // It fails on no TCP socket; if it did, messages would be late.
        let _ = self.upstream.set_nodelay(true);
    }

    /// Has the kernel look whether the upstream is still there.
    pub(super) fn probe(&self, set: Option<Keepalive>) {
        // It fails on no TCP socket; if it did, the idle timeout would end the connection.
        let _ = net::probe(&self.upstream, set);
    }

    /// Closes both in the normal way: each has sent its end of stream and was sent the other's.
    pub(super) fn close(self) {
        set_linger(&self.client, None);
        set_linger(&self.upstream, None);
    }

    /// Keeps the client's socket, to answer on it, and lets the upstream's go: in the normal way if
    /// what it was sent is `whole`.
    pub(super) fn into_client(self, whole: bool) -> TcpStream {
        set_linger(&self.client, None);
        if whole {
            set_linger(&self.upstream, None);
        }
        self.client
    }
}

/// It fails on no TCP socket; if it did, all that is lost is the peer's knowledge of why.
fn set_linger(stream: &TcpStream, linger: Option<Duration>) {
    let _ = SockRef::from(stream).set_linger(linger);
}

/// One socket, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) side: Side,
    pub(super) stream: &'a TcpStream,
}

impl Peer<'_> {
    /// Waits until the socket fails. Neither data nor an end of stream is a failure.
    pub(super) async fn failure(&self) -> Cut {
        poll_fn(|cx| self.poll_failure(cx)).await
    }

    /// As [`failure`](Self::failure).
    pub(super) fn poll_failure(&self, cx: &mut Context<'_>) -> Poll<Cut> {
        self.stream.poll_failed(cx).map(|()| self.cause())
    }

    /// Sends the end of stream.
    pub(super) fn shutdown(&self) -> Result<(), Cut> {
        SockRef::from(self.stream)
            .shutdown(Shutdown::Write)
            .map_err(|error| match error.kind() {
                ErrorKind::NotConnected => self.cause(),
                _ => self.cut(&error),
            })
    }

    /// The outcome of an attempt on this socket; `None`: it would have blocked.
    pub(super) fn attempt<T>(&self, result: io::Result<T>) -> Result<Option<T>, Cut> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(self.cut(&error)),
        }
    }

    /// Why a message that was posted could not be sent, if it is not for want of room.
    pub(super) fn send_error(&self) -> Option<Cut> {
        self.stream.send_error(|error| self.cut(error))
    }

    pub(super) fn cut(&self, error: &io::Error) -> Cut {
        Cut::by_error(self.side, error)
    }

    /// Why the connection is gone. The kernel tells the reason once; if it is told already, a
    /// connection that went by itself was reset.
    fn cause(&self) -> Cut {
        match self.stream.take_error() {
            Ok(Some(error)) | Err(error) => self.cut(&error),
            Ok(None) => Cut::Reset { by: self.side },
        }
    }
}
