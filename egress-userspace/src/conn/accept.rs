//! Takes connections off a listener.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::net::{Listener, TcpStream};
use crate::types::ClientAddr;

use super::reactors::Home;

/// How long to leave the listener alone when descriptors or memory ran out: the connections that hold
/// them end meanwhile, and the backlog keeps those that come.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that are taken off a listener in one go. Then others of its reactor have their turn: one
/// caller's flood must not hold up what belongs to others.
const BURST: usize = 16;

/// A connection that was taken off a listener, and belongs to no reactor yet.
#[derive(Debug)]
pub struct Accepted {
    socket: OwnedFd,
    peer: ClientAddr,
}

impl Accepted {
    /// Gives it to the reactor of this thread.
    pub fn here(self) -> io::Result<(TcpStream, ClientAddr)> {
        let stream = TcpStream::connected(self.socket.into())?;
        Ok((stream, self.peer))
    }
}

/// Hands each connection to `serve` until `stop`, and from then on to `turn_away`. Runs on the reactor `home`, which
/// `listener` belongs to.
///
/// Ends only when it is dropped: as long as the programs turn connections to this port, whoever else
/// had it would get them.
pub async fn accept<F>(
    listener: Listener,
    home: Home,
    stop: CancellationToken,
    serve: impl Fn(Accepted) -> F,
    turn_away: impl Fn(Accepted),
) where
    F: Future<Output = ()> + Send + 'static,
{
    let served = each(&listener, |accepted| home.serve(serve(accepted)));
    stop.run_until_cancelled(served).await;
    each(&listener, turn_away).await;
}

/// Hands each connection to `serve` until `stop`, and those that have come by then; then closes the listener.
/// Runs on the reactor that the listener belongs to, which is `home`.
pub async fn accept_until<F>(
    listener: Listener,
    home: Home,
    stop: CancellationToken,
    serve: impl Fn(Accepted) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let take = |accepted| home.serve(serve(accepted));
    stop.run_until_cancelled(each(&listener, take)).await;
    while let Some(accepted) = listener.accept().now_or_never() {
        match accepted {
            Ok((socket, peer)) => take(Accepted {
                socket,
                peer: ClientAddr::new(peer),
            }),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => return warn!(%error, "cannot accept the last connections"),
        }
    }
}

async fn each(listener: &Listener, take: impl Fn(Accepted)) {
    for count in 1_usize.. {
        match listener.accept().await {
            Ok((socket, peer)) => take(Accepted {
                socket,
                peer: ClientAddr::new(peer),
            }),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(PAUSE).await;
            }
        }
        if count.is_multiple_of(BURST) {
            yield_now().await;
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
    use std::future::ready;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::AsyncReadExt;

    use super::super::Reactors;
    use super::*;

    #[tokio::test]
    async fn once_stopped_it_keeps_the_port_and_turns_away_who_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("it does not block");
        let listener = Listener::new(listener).expect("with the runtime");
        let reactors = Reactors::start(1).expect("a thread");
        let home = reactors.home();
        let stop = CancellationToken::new();
        stop.cancel();
        let serve = |_| async { panic!("a connection was served") };
        let reset = |accepted: Accepted| {
            let (stream, _) = accepted.here().expect("with the runtime");
            stream.set_zero_linger().expect("a TCP socket");
        };
        let accepting = tokio::spawn(accept(listener, home, stop, serve, reset));

        let mut client = TcpStream::connect(address).await.expect("a client");
        let error = client.read(&mut [0]).await.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let taken = TcpListener::bind(address).expect_err("the port is taken");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        accepting.abort();
    }

    #[tokio::test]
    async fn others_have_their_turn_while_connections_come_in_crowds() {
        const CROWD: usize = 3 * BURST;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let connect = || std::net::TcpStream::connect(address).expect("a client");
        let _clients: Vec<_> = std::iter::repeat_with(connect).take(CROWD).collect();
        listener.set_nonblocking(true).expect("it does not block");
        let listener = Listener::new(listener).expect("with the runtime");
        let reactors = Reactors::start(1).expect("a thread");
        let home = reactors.home();
        let taken = Arc::new(AtomicUsize::new(0));
        let serve = {
            let taken = Arc::clone(&taken);
            move |_| {
                taken.fetch_add(1, Ordering::Relaxed);
                ready(())
            }
        };
        let accepting = accept(listener, home, CancellationToken::new(), serve, drop);
        let accepting = tokio::spawn(accepting);
        let mut seen = 0;
        while seen < CROWD {
            let now = taken.load(Ordering::Relaxed);
            assert!(now - seen <= BURST, "{now} after {seen}");
            seen = now;
            yield_now().await;
        }
        accepting.abort();
    }
}
