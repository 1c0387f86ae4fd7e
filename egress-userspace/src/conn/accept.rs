//! Takes connections off a listener.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::types::ClientAddr;

/// How long to leave the listener alone when descriptors or memory ran out: the connections that hold
/// them end meanwhile, and the backlog keeps those that come.
const PAUSE: Duration = Duration::from_millis(100);

/// Hands each connection to `serve` until `stop`, and from then on to `turn_away`.
///
/// Ends only when it is dropped: as long as the programs turn connections to this port, whoever else
/// had it would get them.
pub async fn accept<F>(
    listener: TcpListener,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, ClientAddr) -> F,
    turn_away: impl Fn(TcpStream, ClientAddr),
) where
    F: Future<Output = ()> + Send + 'static,
{
    let served = each(&listener, |stream, peer| {
        tokio::spawn(serve(stream, peer));
    });
    stop.run_until_cancelled(served).await;
    each(&listener, turn_away).await;
}

async fn each(listener: &TcpListener, take: impl Fn(TcpStream, ClientAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => take(stream, ClientAddr::new(peer)),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Errors of the connection and not of the listener (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn once_stopped_it_keeps_the_port_and_turns_away_who_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let stop = CancellationToken::new();
        stop.cancel();
        let serve = |_, _| async { panic!("a connection was served") };
        let reset = |stream: TcpStream, _| stream.set_zero_linger().expect("a TCP socket");
        let accepting = tokio::spawn(accept(listener, stop, serve, reset));

        let mut client = TcpStream::connect(address).await.expect("a client");
        let error = client.read(&mut [0]).await.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let taken = TcpListener::bind(address)
            .await
            .expect_err("the port is taken");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        accepting.abort();
    }
}
