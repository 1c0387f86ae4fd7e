//! The relay between real sockets, with each engine.

mod bounds;
mod bytes;
mod deaf;
mod ends;
mod own_process;
mod posted;
mod resets;
mod schedules;

use std::sync::Arc;

use ::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net;

const MODES: [Mode; 3] = [Mode::Auto, Mode::Splice, Mode::Copy];

/// Far more than any of these relays takes. One that hangs is dropped then, which resets its peers.
const DEADLINE: Duration = Duration::from_secs(30);

fn options(mode: Mode) -> Options {
    Options {
        mode,
        idle_timeout: None,
        max_duration: None,
        keepalive: None,
        max_pipes: Options::DEFAULT_MAX_PIPES,
    }
}

/// A relay at work, and what stands at its two ends.
struct Rig {
    client: TcpStream,
    upstream: TcpStream,
    counters: Arc<Counters>,
    cancel: CancellationToken,
    relay: JoinHandle<Ended>,
}

impl Rig {
    async fn new(mode: Mode) -> Self {
        Self::with(options(mode), Bytes::new()).await
    }

    async fn with(options: Options, prefix: Bytes) -> Self {
        Self::between(
            connected(None).await,
            connected(None).await,
            options,
            prefix,
        )
    }

    /// Relays between the second sockets of two connections, and keeps the first of each.
    fn between(
        (client, accepted): (TcpStream, TcpStream),
        (upstream, dialled): (TcpStream, TcpStream),
        options: Options,
        prefix: Bytes,
    ) -> Self {
        accepted.set_zero_linger().expect("a TCP socket");
        let counters = Arc::new(Counters::default());
        let cancel = CancellationToken::new();
        let relay = tokio::spawn({
            let (counters, cancel) = (Arc::clone(&counters), cancel.clone());
            async move {
                let cancelled = pin!(cancel.cancelled());
                let (client, upstream) = (ours(accepted), ours(dialled));
                let relay = relay(client, upstream, prefix, &options, &counters, cancelled);
                timeout(DEADLINE, relay)
                    .await
                    .expect("a relay that does not hang")
            }
        });
        Self {
            client,
            upstream,
            counters,
            cancel,
            relay,
        }
    }

    fn counted(&self) -> (u64, u64) {
        (self.counters.sent(), self.counters.received())
    }
}

/// A socket as relays have it.
fn ours(stream: TcpStream) -> net::TcpStream {
    stream.try_into().expect("with the runtime")
}

/// Both ends of a connection over loopback; `buffers` sets the size of all four socket buffers.
async fn connected(buffers: Option<u32>) -> (TcpStream, TcpStream) {
    through(&listener(buffers), buffers).await
}

fn listener(buffers: Option<u32>) -> TcpListener {
    let listener = socket(buffers);
    listener
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("bind");
    listener.listen(1).expect("listen")
}

/// The same through a listener that nobody else connects to now.
async fn through(listener: &TcpListener, buffers: Option<u32>) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().expect("the bound address");
    let (near, far) = tokio::join!(socket(buffers).connect(address), listener.accept());
    (near.expect("connect"), far.expect("accept").0)
}

fn socket(buffers: Option<u32>) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(size) = buffers {
        socket.set_send_buffer_size(size).expect("SO_SNDBUF");
        socket.set_recv_buffer_size(size).expect("SO_RCVBUF");
    }
    socket
}

/// Closes `stream` by a reset.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("SO_LINGER");
    drop(stream);
}

/// Reads to the end; the end may be an error.
async fn drain(stream: &mut TcpStream) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read).await;
    (read, end.err().map(|error| error.kind()))
}

async fn read_exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut read = vec![0; count];
    stream
        .read_exact(&mut read)
        .await
        .expect("as many bytes as were sent");
    read
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("write");
}

/// Bytes in which no stretch is like another, so that what is lost, doubled or swapped shows.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        // The constants of Knuth's MMIX generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Writes until nothing moves any more; the peer does not read.
async fn flood(stream: &TcpStream) {
    /// The relay runs on this thread: after as many turns without room, it is blocked itself.
    const TURNS: usize = 100;

    let piece = vec![7; 64 * 1024];
    let mut without_room = 0;
    while without_room < TURNS {
        match stream.try_write(&piece) {
            Ok(_) => without_room = 0,
            Err(_) => without_room += 1,
        }
        tokio::task::yield_now().await;
    }
}
