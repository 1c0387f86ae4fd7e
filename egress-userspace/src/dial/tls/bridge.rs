//! Moves bytes between a socket in the clear and TLS, keeping each side's end what it is.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// One TLS record's plaintext at most (RFC 8446 section 5.1), in each direction.
const BUFFER: usize = 16 * 1024;

/// Ends when both sides have. An end of stream becomes `close_notify` and back; anything else, a
/// stream that ends without one included (RFC 8446 section 6.1), becomes a reset.
///
/// It is bounded by the near side: whoever holds that gives up on a silent or lasting connection, and
/// closes or resets it.
pub(super) async fn bridge(mut near: TcpStream, mut far: TlsStream<TcpStream>) {
    if copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER)
        .await
        .is_err()
    {
        for stream in [&near, far.get_ref().0] {
            // It fails on no TCP socket; if it did, an end would be seen instead.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
