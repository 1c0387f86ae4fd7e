//! Moves bytes between a socket in the clear and TLS, keeping each side's end what it is.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::time::sleep;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::TcpStream;

/// One TLS record's plaintext at most (RFC 8446 section 5.1), in each direction.
const BUFFER: usize = 16 * 1024;
/// Once all connections are cut: what was said last goes as far as a socket in this time.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where bridges run: they are waited for as connections are, and cut with them.
#[derive(Clone, Debug, Default)]
pub struct Bridges {
    /// Counts them.
    pub tasks: TaskTracker,
    /// Cuts those whose near side nobody holds any more.
    pub cut: CancellationToken,
}

/// What becomes of a bridge when nobody holds its near side any more.
#[derive(Debug)]
pub struct Bound<G> {
    /// Ready from then on. What it gives is held until the bridge has ended.
    pub given_up: G,
    /// How long the far peer has from then on to take what is left, and to end.
    pub linger: Duration,
}

impl Bridges {
    /// Runs one.
    pub(super) fn begin<G>(&self, near: TcpStream, far: TlsStream<TcpStream>, bound: Bound<G>)
    where
        G: Future<Output: Send> + Send + 'static,
    {
        let cut = self.cut.clone();
        self.tasks.spawn(bridge(near, far, bound, cut));
    }
}

/// Ends when both sides have. An end of stream becomes `close_notify` and back; anything else, a
/// stream that ends without one included (RFC 8446 section 6.1), becomes a reset.
///
/// It is bounded by the near side: whoever holds that gives up on a silent or lasting connection. From
/// then on the far peer has the time of `bound`, or, if all is `cut`, [`LAST_WORDS`].
async fn bridge<G: Future>(
    mut near: TcpStream,
    mut far: TlsStream<TcpStream>,
    bound: Bound<G>,
    cut: CancellationToken,
) {
    let mut held = None;
    let whole = tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER) => copied.is_ok(),
        () = async {
            held = Some(bound.given_up.await);
            tokio::select! {
                () = sleep(bound.linger) => {}
                () = async {
                    cut.cancelled().await;
                    sleep(LAST_WORDS).await;
                } => {}
            }
        } => false,
    };
    if !whole {
        for stream in [&near, far.get_ref().0] {
            // It fails on no TCP socket; if it did, an end would be seen instead.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
    drop((near, far));
    drop(held);
}
