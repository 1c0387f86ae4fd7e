//! Ports on which some services are found by name and others by address alone.
//!
//! The client of the one kind speaks first, and the client of the other may wait for its server to. So
//! where a client that says nothing may go is dialled at once, and the first bytes of either side
//! decide: the server's, and it is that connection; the client's, and it is judged by them. If these
//! lead elsewhere the first upstream is let go of, without having had a byte.

use std::future::pending;
use std::pin::Pin;

use tokio::time::timeout;

use crate::account::Record;
use crate::dial::Upstream;
use crate::net::TcpStream;
use crate::policy::{Permit, SniffPlan, Verdict};
use crate::types::Claim;

use super::connection::Known;
use super::downstream::Downstream;
use super::limits::Limits;
use super::stop::Stop;
use super::{Live, step};

/// Whose bytes came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Client,
    Server,
}

/// From a client that has not spoken to a connected upstream.
///
/// Where both sides are silent for `sniff.timeout` it is the connection that needs no name.
pub(super) async fn either(
    live: &Live,
    limits: &Limits,
    known: &Known,
    client: &mut Downstream,
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    let Verdict::Permit(silent) = live.policy.decide(&known.facts(&Claim::Opaque)) else {
        // Without a name this client may go nowhere: there is nobody who could speak before it.
        return step::by_name(live, SniffPlan::Named, limits, known, client, record).await;
    };
    let ends = known.ends(&Claim::Opaque, false);
    let mut speculation = Speculation::new(live.dialer.dial(&silent, &ends));
    let patience = live.sniff.named.deadline;
    let first = timeout(patience, first(&client.stream, &mut speculation)).await;
    if let Ok(First::Client) = first {
        step::sniff(live, SniffPlan::Named, limits, client, record).await?;
    }
    let permit = step::decide(live, &known.facts(&client.claim), record)?;
    let ends = known.ends(&client.claim, !client.sent.is_empty());
    let dialled = if permit.leads_as(&silent) {
        speculation.finish().await
    } else {
        drop(speculation);
        live.dialer.dial(&permit, &ends).await
    };
    step::connected(dialled, &live.dialer, permit, &ends, record).await
}

/// Waits until one side has spoken. A server that can't be reached never will.
async fn first<F, S, E>(client: &TcpStream, server: &mut Speculation<F, S, E>) -> First
where
    F: Future<Output = Result<S, E>>,
    S: Server,
{
    tokio::select! {
        biased;
        () = spoken(client) => First::Client,
        () = server.spoken() => First::Server,
    }
}

/// Waits until a peer has sent something, or ended. A failure of the socket is for the relay to meet.
async fn spoken(stream: &TcpStream) {
    let _ = stream.peek(&mut [0]).await;
}

/// What a dial leads to.
trait Server {
    fn stream(&self) -> &TcpStream;
}

impl Server for Upstream {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// A connection that is being made before it is known to be wanted.
struct Speculation<F, S, E> {
    dialling: Pin<Box<F>>,
    dialled: Option<Result<S, E>>,
}

impl<F, S, E> Speculation<F, S, E>
where
    F: Future<Output = Result<S, E>>,
    S: Server,
{
    fn new(dialling: F) -> Self {
        Self {
            dialling: Box::pin(dialling),
            dialled: None,
        }
    }

    /// Waits until the server has spoken. May be given up, and gone on with.
    async fn spoken(&mut self) {
        if self.dialled.is_none() {
            self.dialled = Some(self.dialling.as_mut().await);
        }
        match &self.dialled {
            Some(Ok(server)) => spoken(server.stream()).await,
            _ => pending().await,
        }
    }

    /// The connection, when it is made.
    async fn finish(self) -> Result<S, E> {
        match self.dialled {
            Some(dialled) => dialled,
            None => self.dialling.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot::{self, error::RecvError};

    use super::*;

    /// Both ends of a connection.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (far, _) = far.expect("accepted");
        let far = far.try_into().expect("with the runtime");
        (near.expect("connected"), far)
    }

    impl Server for TcpStream {
        fn stream(&self) -> &TcpStream {
            self
        }
    }

    /// A dial that ends when it is told to.
    async fn dial(told: oneshot::Receiver<TcpStream>) -> Result<TcpStream, RecvError> {
        told.await
    }

    fn dialled(stream: TcpStream) -> Ready<Result<TcpStream, RecvError>> {
        ready(Ok(stream))
    }

    #[tokio::test]
    async fn a_server_that_speaks_is_not_kept_waiting_for_the_client() {
        let (_client, gateway) = pair().await;
        let (near, mut server) = pair().await;
        server.write_all(b"220 ready\r\n").await.expect("it greets");
        let mut speculation = Speculation::new(dialled(near));
        assert_eq!(first(&gateway, &mut speculation).await, First::Server);
        let upstream = speculation.finish().await.expect("connected");
        let mut greeting = [0; 3];
        upstream.peek(&mut greeting).await.expect("readable");
        assert_eq!(&greeting, b"220", "nothing was taken from it");
    }

    #[tokio::test]
    async fn a_client_that_speaks_is_not_kept_waiting_for_the_dial_which_goes_on() {
        let (mut client, gateway) = pair().await;
        let (tell, told) = oneshot::channel();
        let mut speculation = Speculation::new(dial(told));
        client.write_all(b"\x16").await.expect("it speaks");
        assert_eq!(first(&gateway, &mut speculation).await, First::Client);
        let (near, _server) = pair().await;
        tell.send(near).expect("it is waited for");
        speculation.finish().await.expect("connected");
    }

    #[tokio::test]
    async fn a_connection_that_was_made_meanwhile_is_kept() {
        let (mut client, gateway) = pair().await;
        let (near, _server) = pair().await;
        let mut speculation = Speculation::new(dialled(near));
        let nobody = timeout(Duration::from_millis(20), first(&gateway, &mut speculation));
        assert!(nobody.await.is_err(), "nobody has spoken");
        client.write_all(b"\x16").await.expect("it speaks");
        assert_eq!(first(&gateway, &mut speculation).await, First::Client);
        speculation.finish().await.expect("connected");
    }

    #[tokio::test]
    async fn a_server_that_cannot_be_reached_leaves_it_to_the_client() {
        let (mut client, gateway) = pair().await;
        let (tell, told) = oneshot::channel();
        drop(tell);
        let mut speculation = Speculation::new(dial(told));
        client.write_all(b"\x16").await.expect("it speaks");
        assert_eq!(first(&gateway, &mut speculation).await, First::Client);
        assert!(speculation.finish().await.is_err());
    }
}
