//! Connections over real sockets, with a client and a server that do as they are told.

mod bodies;
mod chunks;
mod pipelines;
mod refusals;
mod splits;
mod streams;
mod tunnels;

use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::relay::Mode;

/// Far more than any of these connections takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// The port that the client connected to, as far as the gateway knows.
const PORT: u16 = 8443;

/// Bounds as the gateway has them by default, but for how long a head may take.
pub(super) const SETTINGS: Settings = Settings {
    head: sniff::Limits {
        cap: sniff::DEFAULT_CAP,
        deadline: Duration::from_millis(200),
    },
    port: PORT,
};

/// A connection at work, and what stands at its two ends.
pub(super) struct Rig {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    counters: Arc<Counters>,
    ended: JoinHandle<Ended>,
}

/// What is admitted: `a.test`; `b.test` leads elsewhere.
pub(super) fn judge(claim: &Claim) -> Result<(), DenyReason> {
    match claim {
        Claim::Malformed(reason) => Err(*reason),
        claim => match claim.name().map(HostName::as_str) {
            Some("a.test") => Ok(()),
            Some("b.test") => Err(DenyReason::Misdirected),
            Some(_) => Err(DenyReason::HostNotInRegistry),
            None => Err(DenyReason::NoName),
        },
    }
}

impl Rig {
    pub(super) async fn new(version: Version, first: &[u8]) -> Self {
        Self::judged_by(version, first, judge).await
    }

    pub(super) async fn judged_by(
        version: Version,
        first: &[u8],
        judge: impl Fn(&Claim) -> Result<(), DenyReason> + Send + Sync + 'static,
    ) -> Self {
        let (client, accepted) = connected().await;
        accepted.set_zero_linger().expect("a TCP socket");
        let (dialled, server) = connected().await;
        let counters = Arc::new(Counters::default());
        let joined = Joined {
            client: accepted.try_into().expect("with the runtime"),
            first: Bytes::copy_from_slice(first),
            upstream: dialled.try_into().expect("with the runtime"),
        };
        let ended = tokio::spawn({
            let counters = Arc::clone(&counters);
            async move {
                let options = Options {
                    max_duration: None,
                    mode: Mode::Auto,
                    idle_timeout: None,
                    keepalive: None,
                    max_pipes: Options::DEFAULT_MAX_PIPES,
                };
                let never = std::future::pending();
                let serve = serve(
                    version, joined, judge, &SETTINGS, &options, &counters, never,
                );
                timeout(DEADLINE, serve).await.expect("it does not hang")
            }
        });
        Self {
            client,
            server,
            counters,
            ended,
        }
    }

    pub(super) async fn ask(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.expect("write");
    }

    pub(super) async fn answer(&mut self, bytes: impl AsRef<[u8]>) {
        self.server.write_all(bytes.as_ref()).await.expect("write");
    }

    /// The server gets these bytes next.
    pub(super) async fn asked(&mut self, bytes: impl AsRef<[u8]>) {
        assert_next(&mut self.server, bytes.as_ref()).await;
    }

    /// The client gets these bytes next.
    pub(super) async fn answered(&mut self, bytes: impl AsRef<[u8]>) {
        assert_next(&mut self.client, bytes.as_ref()).await;
    }

    pub(super) async fn ended(self) -> Ended {
        // The peers stay until the connection is over.
        let ended = self.ended.await.expect("no panic");
        drop((self.client, self.server));
        ended
    }

    /// Ends with a refusal: why, the name that was asked for, and how the client can be told.
    pub(super) async fn refused(self) -> (DenyReason, Option<String>, Option<Telling>) {
        match self.ended().await {
            Ended::Refused(refused) => (
                refused.reason,
                refused.asked.map(|name| name.to_string()),
                refused.told.map(|(_, telling)| telling),
            ),
            ended => panic!("{ended:?}"),
        }
    }

    /// Bytes of the client, and of the server, that were passed on.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.counters.sent(), self.counters.received())
    }
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let both = (near.expect("connect"), far.expect("accept").0);
    for stream in [&both.0, &both.1] {
        stream.set_nodelay(true).expect("TCP_NODELAY");
    }
    both
}

#[track_caller]
fn assert_same(found: &[u8], expected: &[u8]) {
    let text = String::from_utf8_lossy;
    assert_eq!(text(found), text(expected));
}

async fn assert_next(stream: &mut TcpStream, expected: &[u8]) {
    let mut found = vec![0; expected.len()];
    let read = timeout(DEADLINE, stream.read_exact(&mut found));
    read.await.expect("they come").expect("as many bytes");
    assert_same(&found, expected);
}

/// Everything up to the end, and the error, if that is one.
pub(super) async fn rest(stream: &mut TcpStream) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut read = Vec::new();
    let end = timeout(DEADLINE, stream.read_to_end(&mut read)).await;
    (read, end.expect("an end").err().map(|error| error.kind()))
}

pub(super) fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
