//! A TCP connection's socket.

use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use super::outbox::Unsent;
use super::place::Place;
use super::readiness::Wait;

/// A TCP connection's socket, which belongs to the thread that it was made on.
///
/// It is as tokio's own, and takes less: see `poller`. Of several tasks that wait for the same, the last is woken.
#[derive(Debug)]
pub struct TcpStream {
    // First, and so left first: what is told of the descriptor from then on is nobody's.
    place: Place,
    socket: std::net::TcpStream,
}

impl TcpStream {
    /// Waits for the socket on the current thread. It must not block. Fails outside of a runtime.
    pub fn from_std(socket: std::net::TcpStream) -> io::Result<Self> {
        let place = Place::take(&socket, false)?;
        Ok(Self { place, socket })
    }

    /// The same for a socket that has just been connected, and to which nothing was written.
    pub fn connected(socket: std::net::TcpStream) -> io::Result<Self> {
        let place = Place::take(&socket, true)?;
        Ok(Self { place, socket })
    }

    /// Waits until there is something to read, an end or an error included.
    pub async fn readable(&self) {
        poll_fn(|cx| self.poll_readable(cx)).await;
    }

    /// Waits until there is room to write, or the connection is over.
    pub async fn writable(&self) {
        poll_fn(|cx| self.poll_writable(cx)).await;
    }

    /// Waits until the socket has failed. Neither data nor an end of stream is a failure. Who waits for it does not wait
    /// to read.
    pub async fn failed(&self) {
        poll_fn(|cx| self.poll_failed(cx)).await;
    }

    /// As [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(Wait::Read, cx)
    }

    /// As [`writable`](Self::writable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(Wait::Write, cx)
    }

    /// As [`failed`](Self::failed).
    pub fn poll_failed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(Wait::Failure, cx)
    }

    /// A task whose sockets are always ready has to let others have their turn from time to time, as with tokio's own
    /// sockets.
    fn poll_ready(&self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        let turn = ready!(poll_proceed(cx));
        ready!(self.place.poll_ready(wait, cx));
        turn.made_progress();
        Poll::Ready(())
    }

    /// Makes an attempt to read if there may be something; otherwise, and if the attempt says so, it would block.
    pub fn try_reading<T>(&self, attempt: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.place.attempt(Wait::Read, self.as_fd(), attempt)
    }

    /// The same, to write.
    pub fn try_writing<T>(&self, attempt: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.place.attempt(Wait::Write, self.as_fd(), attempt)
    }

    /// Whether the peer's end of stream is known to have arrived, in the normal way: who has read all that there is
    /// after that need not look for it.
    pub fn has_ended(&self) -> bool {
        self.place.has_ended()
    }

    /// Reads what is there.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_reading(|| (&self.socket).read(buffer))
    }

    /// Writes what there is room for.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_writing(|| (&self.socket).write(bytes))
    }

    /// Takes a message that may wait to be sent together with those of other sockets, until the tasks that are ready
    /// now have had their turn; false: it is to be written by itself. Nothing else is to be written before
    /// [`take_unsent`](Self::take_unsent) was asked what became of it.
    pub fn post(&self, message: &[u8]) -> bool {
        self.place.post(self.as_fd(), message)
    }

    /// Waits until what was posted is sent, or the part of it that there was room for. Where all of it was, nobody is woken
    /// for that alone.
    pub fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll_sent(cx)
    }

    /// What of a message that was posted could not be sent. If it waits still, it is sent now.
    pub fn take_unsent(&self) -> Option<Unsent> {
        self.place.take_unsent()
    }

    /// What `look` says of why a message that was posted could not be sent, if it is not for want of room.
    pub fn send_error<T>(&self, look: impl FnOnce(&io::Error) -> T) -> Option<T> {
        self.place.send_error(look)
    }

    /// Waits until there is something to read, and leaves it there.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await;
            match self.try_reading(|| self.socket.peek(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return peeked,
            }
        }
    }

    /// Has whoever waits for the socket then look again at `when`, or up to a quarter of a second later. It replaces what
    /// was set before.
    pub fn set_alarm(&self, when: Instant) {
        self.place.set_alarm(when);
    }

    /// Whether an alarm is set that has not rung.
    pub fn has_alarm(&self) -> bool {
        self.place.has_alarm()
    }

    /// The socket's error, which is told once.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Has it close with a reset.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }

    /// Has it send at once what is written (`TCP_NODELAY`).
    pub fn set_nodelay(&self, at_once: bool) -> io::Result<()> {
        self.socket.set_nodelay(at_once)
    }

    /// Its own end's address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl TryFrom<tokio::net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// Takes it from the runtime. Fails where [`from_std`](Self::from_std) does.
    fn try_from(stream: tokio::net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream.into_std()?)
    }
}

#[cfg(test)]
impl TcpStream {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        tokio::net::TcpStream::connect(address).await?.try_into()
    }

    /// One that has just been connected over loopback, and its peer.
    pub(crate) async fn pair() -> (Self, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let near = tokio::net::TcpStream::connect(address).await;
        let near = near.and_then(tokio::net::TcpStream::into_std);
        let (far, _) = listener.accept().await.expect("accepted");
        (near.and_then(Self::connected).expect("connected"), far)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_readable(cx));
            match self.try_read(buf.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|bytes| buf.advance(bytes))),
            }
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(cx));
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests;
