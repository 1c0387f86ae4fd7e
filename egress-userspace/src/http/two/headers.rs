//! Header blocks, decompressed (RFC 7541) by an `h2` server that talks to nobody.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use h2::server::{Builder, Connection};
use http::Method;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::chunked::NOT_IN_TRAILERS;
use crate::types::DenyReason;

/// A client's beginning: its preface, its settings, and that it took the server's.
const BEGINNING: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
/// The largest table that a client may use. How large it is it says in its blocks, and the upstream
/// bounds it by its own settings, which are not looked at: one that grants more than this is unheard of,
/// and a client that uses more is refused.
const MAX_TABLE: u32 = 64 * 1024;
/// Longest list of headers, decompressed: what servers take at most.
const MAX_LIST: u32 = 64 * 1024;
/// The longest frame that a server takes unless it says otherwise.
const MAX_FRAME: usize = 1 << 14;

/// Fields that make a request of a trailer section: `:method`, `:scheme` and `:path`, from HPACK's
/// static table. With any other of them before it, or one of them after, it is malformed.
const AS_REQUEST: [u8; 3] = [0x82, 0x86, 0x84];

/// Reads one connection's header blocks, in their order.
pub(super) struct Decoder {
    connection: Box<Connection<Wire, Bytes>>,
    wire: Wire,
    next_stream: u32,
}

impl Decoder {
    /// `None` cannot be: `h2` takes its own beginning.
    pub(super) fn new() -> Option<Self> {
        let wire = Wire::default();
        wire.buffer().extend_from_slice(BEGINNING);
        let mut builder = Builder::new();
        builder
            .header_table_size(MAX_TABLE)
            .max_header_list_size(MAX_LIST)
            .enable_connect_protocol();
        let handshake = pin!(builder.handshake(wire.clone()));
        match handshake.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(connection)) => Some(Self {
                connection: Box::new(connection),
                wire,
                next_stream: 1,
            }),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }

    /// Reads the block that begins a request.
    pub(super) fn request(&mut self, block: &[u8]) -> Result<Parts, DenyReason> {
        self.feed(block)?;
        let context = &mut Context::from_waker(Waker::noop());
        match self.connection.poll_accept(context) {
            Poll::Ready(Some(Ok((request, _respond)))) => Ok(request.into_parts().0),
            // `Pending` is a malformed request; the others, a connection that is over.
            Poll::Ready(Some(Err(_)) | None) | Poll::Pending => Err(DenyReason::MalformedHttp),
        }
    }

    /// Reads the block that ends one: no reader may take it for a request of its own.
    pub(super) fn trailers(&mut self, block: &[u8]) -> Result<(), DenyReason> {
        let (sizes, fields) = block.split_at(size_updates(block));
        let parts = self.request(&[sizes, &AS_REQUEST, fields].concat())?;
        let belongs_ahead = NOT_IN_TRAILERS
            .iter()
            .any(|n| parts.headers.contains_key(*n));
        if parts.uri.authority().is_none() && parts.method == Method::GET && !belongs_ahead {
            Ok(())
        } else {
            Err(DenyReason::MalformedHttp)
        }
    }

    /// Gives `h2` the block on a stream that it does not know yet: which one it came on, and whether a
    /// body follows, is between client and upstream.
    fn feed(&mut self, block: &[u8]) -> Result<(), DenyReason> {
        const HEADERS: u8 = 1;
        const CONTINUATION: u8 = 9;
        const END_HEADERS: u8 = 4;
        let stream = self.next_stream;
        self.next_stream = stream
            .checked_add(2)
            .filter(|next| *next <= u32::MAX >> 1)
            .ok_or(DenyReason::SniffTooLarge)?;
        let mut buffer = self.wire.buffer();
        let mut kind = HEADERS;
        let mut rest = block;
        loop {
            let (part, later) = rest.split_at(rest.len().min(MAX_FRAME));
            let flags = if later.is_empty() { END_HEADERS } else { 0 };
            let [_, length @ ..] = u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes();
            buffer.extend_from_slice(&length);
            buffer.extend_from_slice(&[kind, flags]);
            buffer.extend_from_slice(&stream.to_be_bytes());
            buffer.extend_from_slice(part);
            if later.is_empty() {
                return Ok(());
            }
            kind = CONTINUATION;
            rest = later;
        }
    }
}

/// The bytes of a block's table size updates, which only its beginning may have (RFC 7541 section 4.2).
fn size_updates(block: &[u8]) -> usize {
    let mut at = 0;
    while let Some(first) = block.get(at).filter(|&&b| b & 0xe0 == 0x20) {
        at += 1;
        // An integer that does not fit its prefix goes on to the first byte without the top bit.
        if first & 0x1f == 0x1f {
            let rest = block.get(at..).unwrap_or_default();
            let more = rest.iter().take_while(|&&b| b & 0x80 != 0).count();
            at = (at + more + 1).min(block.len());
        }
    }
    at
}

/// A client whose bytes come from a buffer, and who does not listen.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<BytesMut>>);

impl Wire {
    fn buffer(&self) -> MutexGuard<'_, BytesMut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    /// Pending at the end: more is to come.
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = self.buffer();
        if buffer.is_empty() {
            // Between blocks it holds nothing.
            *buffer = BytesMut::new();
            return Poll::Pending;
        }
        let now = buffer.len().min(into.remaining());
        into.put_slice(buffer.get(..now).unwrap_or_default());
        buffer.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that enters the table.
    fn indexed(name: &str, value: &str) -> Vec<u8> {
        let text = |s: &str| [&[u8::try_from(s.len()).expect("short")][..], s.as_bytes()].concat();
        [vec![0x40], text(name), text(value)].concat()
    }

    fn block(fields: &[Vec<u8>]) -> Vec<u8> {
        [&AS_REQUEST[..], &fields.concat()].concat()
    }

    fn authority(parts: &Parts) -> Option<&str> {
        parts.uri.authority().map(http::uri::Authority::as_str)
    }

    #[test]
    fn a_block_is_read_by_what_was_in_those_before() {
        // The table's entry 62 is its newest.
        const AUTHORITY: u8 = 0xbf;
        const TRAILER: u8 = 0xbe;
        let mut decoder = Decoder::new().expect("a decoder");
        let first = decoder.request(&block(&[indexed(":authority", "a.test")]));
        assert_eq!(authority(&first.expect("a request")), Some("a.test"));
        let trailer = indexed("x", "y");
        decoder.trailers(&trailer).expect("trailers");
        let second = decoder.request(&block(&[vec![AUTHORITY], vec![TRAILER]]));
        assert_eq!(authority(&second.expect("a request")), Some("a.test"));
    }

    #[test]
    fn as_many_requests_as_anyone_sends_are_read() {
        let mut decoder = Decoder::new().expect("a decoder");
        for count in 0..20_000 {
            let length = indexed("content-length", "5");
            let request = decoder.request(&block(&[indexed(":authority", "a.test"), length]));
            assert!(request.is_ok(), "{count}");
            decoder.trailers(&indexed("x", "y")).expect("trailers");
        }
    }

    #[test]
    fn a_table_may_grow_to_its_bound_and_no_further() {
        let mut decoder = Decoder::new().expect("a decoder");
        // 31 + 127 + 511 * 128 is 65,566; the size must not be above 65,536.
        let bound = [0x3f, 0xe1, 0xff, 0x03];
        assert_eq!(size_updates(&bound), bound.len());
        let grown = [&bound[..], &block(&[indexed(":authority", "a.test")])].concat();
        assert!(decoder.request(&grown).is_ok());
        assert!(
            decoder
                .trailers(&[&bound[..], &indexed("x", "y")].concat())
                .is_ok()
        );
        let beyond = [&[0x3f, 0xe2, 0xff, 0x03][..], &block(&[])].concat();
        assert!(decoder.request(&beyond).is_err());
    }

    #[test]
    fn trailers_that_look_like_a_request_are_refused() {
        for fields in [
            indexed(":authority", "b.test"),
            vec![0x82],
            vec![0x84],
            [indexed("x", "y"), indexed(":authority", "b.test")].concat(),
            [vec![0x82, 0x86, 0x84], indexed(":authority", "b.test")].concat(),
            indexed(":status", "200"),
            indexed("host", "b.test"),
            indexed("content-length", "5"),
        ] {
            let mut decoder = Decoder::new().expect("a decoder");
            let refused = decoder.trailers(&fields);
            assert_eq!(refused, Err(DenyReason::MalformedHttp), "{fields:x?}");
        }
    }
}
