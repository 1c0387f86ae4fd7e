//! Two TCP sockets of this process that are connected to each other.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::net::TcpStream;

/// A pair over loopback. Not `socketpair()`: of Unix sockets none can be reset, and a stream that was
/// cut short would look complete.
pub(super) async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    let own = near.local_addr()?;
    loop {
        let (far, peer) = listener.accept().await?;
        // Whoever else found the port meanwhile is closed.
        if peer == own {
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            return Ok((near.try_into()?, far.try_into()?));
        }
    }
}
