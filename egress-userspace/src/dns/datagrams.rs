//! Queries that come as datagrams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::Forwarder;
use super::askers::{Asker, Askers};
use super::query::MAX_QUERY;
use crate::kernel::Origin;
use crate::types::Transport;

/// Answers queries that come to one socket.
#[derive(Clone)]
pub struct Datagrams {
    /// Who answers.
    pub forwarder: Arc<Forwarder>,
    /// Tells who asks.
    pub askers: Arc<dyn Askers>,
    /// Counts queries.
    pub queries: TaskTracker,
    /// No more queries are taken.
    pub stop: CancellationToken,
    /// Queries are cut.
    pub cut: CancellationToken,
}

impl Datagrams {
    /// Answers what comes to `socket`, in the network namespace of this cookie, until `stop`.
    ///
    /// Ends only when it is dropped: as long as the programs turn datagrams to this port, whoever else
    /// had it would get them.
    pub async fn serve(self, socket: Arc<UdpSocket>, netns: u64) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.each(&socket, netns)).await;
        std::future::pending::<()>().await;
    }

    async fn each(&self, socket: &Arc<UdpSocket>, netns: u64) {
        let mut buffer = vec![0; MAX_QUERY];
        loop {
            let (length, peer) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // Of an answer that its asker did not wait for, and not of the socket.
                Err(error) => {
                    debug!(%error, "a datagram was not received");
                    continue;
                }
            };
            let Some(origin) = self.askers.of(netns, peer) else {
                self.forwarder.dropped();
                continue;
            };
            let message = buffer.get(..length).unwrap_or_default().to_vec();
            self.answer(Arc::clone(socket), origin, peer, message);
        }
    }

    /// Answers one message from `peer`, in a task of its own.
    pub fn answer(
        &self,
        socket: Arc<UdpSocket>,
        origin: Origin,
        peer: SocketAddr,
        message: Vec<u8>,
    ) {
        let Origin { dst, caller } = origin;
        let asker = Asker {
            peer,
            server: dst,
            caller,
        };
        let answering = answer(Arc::clone(&self.forwarder), socket, asker, message);
        let cut = self.cut.clone();
        self.queries
            .spawn(async move { cut.run_until_cancelled_owned(answering).await });
    }
}

async fn answer(
    forwarder: Arc<Forwarder>,
    socket: Arc<UdpSocket>,
    mut asker: Asker,
    message: Vec<u8>,
) -> io::Result<()> {
    if let Some(reply) = forwarder.answer(&message, &mut asker, Transport::Udp).await {
        socket.send_to(&reply, asker.peer).await?;
    }
    Ok(())
}
