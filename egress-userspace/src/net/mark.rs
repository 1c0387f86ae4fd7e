//! Marking the gateway's own sockets.

use std::io;
use std::os::fd::BorrowedFd;

/// Tells the kernel side that a socket is the gateway's own.
pub trait Mark: Send + Sync {
    /// Exempts `socket` from redirection. Called before it connects.
    fn mark(&self, socket: BorrowedFd<'_>) -> io::Result<()>;
}
