//! The client's end of a connection.

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::types::Claim;

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

    /// Closes so that the client cannot take it for the end of an answer.
    pub(super) fn reset(self) {
        // It fails on no TCP socket; if it did, the client would see an end instead.
        let _ = self.stream.set_zero_linger();
    }
}
