//! The client's end of a connection.

use std::cell::RefCell;
use std::os::fd::AsRawFd;

use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockRef;

use crate::net::TcpStream;
use crate::sniff::FIRST_READ;
use crate::types::Claim;

thread_local! {
    /// Where what has arrived is read to, before it is known how much that is.
    static FIRST: RefCell<[u8; FIRST_READ]> = const { RefCell::new([0; FIRST_READ]) };
}

/// The client's socket, with what was read from it.
#[derive(Debug)]
pub(super) struct Downstream {
    pub(super) stream: TcpStream,
    /// What the first bytes say.
    pub(super) claim: Claim,
    /// The first bytes, which the upstream must get before any others. They hold their share of the
    /// sniff memory.
    pub(super) sent: Bytes,
}

impl Downstream {
    /// Nothing is read yet.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            claim: Claim::Opaque,
            sent: Bytes::new(),
        }
    }

    /// Reads what has arrived already, at most `most` bytes: where a client speaks first that is mostly
    /// all that is wanted of it, and nobody has to be waited for or woken. An end of stream is met again
    /// by who reads next; an error is told of once.
    pub(super) fn at_hand(&self, most: usize) -> nix::Result<Vec<u8>> {
        FIRST.with_borrow_mut(|first| {
            let (room, _) = first.split_at_mut(most.min(FIRST_READ));
            let read = match recv(self.stream.as_raw_fd(), room, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => 0,
                read => read?,
            };
            let (bytes, _) = room.split_at(read);
            Ok(bytes.into())
        })
    }

    /// Has it close with an end of stream: whatever was written is all that there was to say.
    pub(super) fn ends_in_order(&self) {
        // It fails on no TCP socket; if it did, the client would see a reset instead.
        let _ = SockRef::from(&self.stream).set_linger(None);
    }

    /// Closes so that the client cannot take it for the end of an answer.
    pub(super) fn reset(self) {
        // It fails on no TCP socket; if it did, the client would see an end instead.
        let _ = self.stream.set_zero_linger();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, Downstream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let client = TcpStream::connect(address).await.expect("a client");
        let (accepted, _) = listener.accept().await.expect("accepted");
        let accepted = accepted.try_into().expect("with the runtime");
        (client, Downstream::new(accepted))
    }

    #[tokio::test]
    async fn what_has_arrived_is_read_and_nothing_is_waited_for() {
        let (mut client, downstream) = pair().await;
        assert_eq!(downstream.at_hand(100), Ok(vec![]));
        client.write_all(b"hello").await.expect("it speaks");
        downstream.stream.readable().await;
        assert_eq!(downstream.at_hand(4), Ok(b"hell".to_vec()));
        assert_eq!(downstream.at_hand(100), Ok(b"o".to_vec()));
    }

    #[tokio::test]
    async fn a_client_that_has_reset_is_told_of() {
        let (client, downstream) = pair().await;
        client.set_zero_linger().expect("a TCP socket");
        drop(client);
        downstream.stream.readable().await;
        assert_eq!(downstream.at_hand(100), Err(Errno::ECONNRESET));
    }
}
