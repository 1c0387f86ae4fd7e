//! The first request, read by an `h2` server that talks to nobody.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::{Builder, Connection};
use http::HeaderValue;
use http::header::HOST;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sniff::authority;
use crate::types::{DenyReason, HostName};

/// The name in the first request of `bytes`, which end with its header block. `cap` bounds the
/// headers once they are decompressed.
pub(super) fn name(bytes: &[u8], cap: usize) -> Result<Option<HostName>, DenyReason> {
    let Poll::Ready(Some(request)) = first_request(bytes, cap) else {
        return Err(DenyReason::MalformedHttp);
    };
    asked_in(&request)
}

/// The name that a request's `:authority` and `Host` agree on; `None`: there is none, or an address.
pub(crate) fn asked_in(request: &Parts) -> Result<Option<HostName>, DenyReason> {
    let target = request
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let hosts = request.headers.get_all(HOST).iter();
    authority::agreed(target, hosts.map(HeaderValue::as_bytes))
}

/// `Pending` and `None` alike: the bytes hold no request that `h2` accepts.
fn first_request(bytes: &[u8], cap: usize) -> Poll<Option<Parts>> {
    let context = &mut Context::from_waker(Waker::noop());
    let mut builder = Builder::new();
    builder.max_header_list_size(u32::try_from(cap).unwrap_or(u32::MAX));
    let handshake = pin!(builder.handshake::<_, Bytes>(Recorded(bytes)));
    let mut connection: Connection<Recorded<'_>, Bytes> = match handshake.poll(context) {
        Poll::Ready(Ok(connection)) => connection,
        Poll::Ready(Err(_)) => return Poll::Ready(None),
        Poll::Pending => return Poll::Pending,
    };
    connection.poll_accept(context).map(|accepted| {
        let (request, _respond) = accepted?.ok()?;
        Some(request.into_parts().0)
    })
}

/// A client that has sent these bytes, says nothing more, and does not listen.
struct Recorded<'a>(&'a [u8]);

impl AsyncRead for Recorded<'_> {
    /// Pending at the end: what `h2` has read it hands out only while the connection lives.
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let (now, later) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorded<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
