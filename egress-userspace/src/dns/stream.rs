//! Queries that come over a connection: each with its length before it, one after the other.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::Forwarder;
use super::askers::Asker;
use super::exchange::write_message;
use super::query::MAX_QUERY;
use crate::net::TcpStream;
use crate::types::{Caller, ClientAddr, OriginalDst, Transport};

/// How long a client may take for its next query, or to take an answer: of the order of seconds, as
/// RFC 7766 section 6.2.3 has it.
const IDLE: Duration = Duration::from_secs(10);

impl Forwarder {
    /// Answers the queries of one connection until the client ends it, is silent for too long, or sends
    /// what is no query.
    pub async fn serve(
        &self,
        stream: &mut TcpStream,
        peer: ClientAddr,
        server: OriginalDst,
        caller: &Caller,
    ) {
        let mut asker = Asker {
            peer: peer.socket_addr(),
            server,
            caller: caller.clone(),
        };
        // A client that goes away, or stays silent, is through: there is nobody to tell.
        while let Ok(true) = self.next(stream, &mut asker).await {}
    }

    /// Answers one query; false: the connection is not worth keeping.
    async fn next(&self, stream: &mut TcpStream, asker: &mut Asker) -> io::Result<bool> {
        let Some(message) = timeout(IDLE, read_message(stream)).await?? else {
            return Ok(false);
        };
        let Some(reply) = self.answer(&message, asker, Transport::Tcp).await else {
            return Ok(false);
        };
        timeout(IDLE, write_message(stream, &reply)).await??;
        Ok(true)
    }
}

/// The next message; `None`: it is longer than any query.
async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_QUERY {
        return Ok(None);
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}
