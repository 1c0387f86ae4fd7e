//! Moves bytes between a socket in the clear and TLS, keeping each side's end what it is.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

/// One TLS record's plaintext at most (RFC 8446 section 5.1), in each direction.
const BUFFER: usize = 16 * 1024;
/// As long as the kernel has for a socket that nobody holds (`tcp_fin_timeout`, tcp(7)).
const LINGER: Duration = Duration::from_mins(1);

/// Ends when both sides have. An end of stream becomes `close_notify` and back; anything else, a
/// stream that ends without one included (RFC 8446 section 6.1), becomes a reset.
///
/// It is bounded by the near side: whoever holds that gives up on a silent or lasting connection. From
/// then on the far peer has [`LINGER`] to take what is left, and to end.
pub(super) async fn bridge(
    mut near: TcpStream,
    mut far: TlsStream<TcpStream>,
    given_up: CancellationToken,
) {
    let whole = tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER) => copied.is_ok(),
        () = async {
            given_up.cancelled().await;
            sleep(LINGER).await;
        } => false,
    };
    if !whole {
        for stream in [&near, far.get_ref().0] {
            // It fails on no TCP socket; if it did, an end would be seen instead.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
