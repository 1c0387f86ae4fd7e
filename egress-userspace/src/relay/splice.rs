//! The splice engine: from socket to pipe to socket, without the bytes leaving the kernel.

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::direction::{Batch, Direction};
use super::end::Cut;
use super::pool::Lease;

/// What an attempt to fill a pipe found.
enum Fill {
    Held(usize),
    Eof,
    /// There are bytes that splice does not take.
    Refused,
}

impl Direction<'_> {
    /// Moves what one filling of the pipe gives, at most `most` bytes.
    pub(super) async fn splice(&self, mut pipe: Lease, most: usize) -> Result<Batch, Cut> {
        let stream = self.from.stream;
        let filled = stream.try_io(Interest::READABLE, || fill(&mut pipe, stream, most));
        let filled = self.from.attempt(filled)?;
        self.drain(&mut pipe).await?;
        pipe.put_back();
        match filled {
            Some(Fill::Held(bytes)) => Ok(Batch::Moved(bytes)),
            Some(Fill::Eof) => Ok(Batch::Eof),
            Some(Fill::Refused) => self.copy(most).await,
            None => Ok(Batch::Dry),
        }
    }

    /// Writes all that the pipe holds, which may be nothing. While it holds something, `EAGAIN` is the socket's.
    async fn drain(&self, pipe: &mut Lease) -> Result<(), Cut> {
        let stream = self.to.stream;
        while pipe.held() > 0 {
            let drained = stream.try_io(Interest::WRITABLE, || pipe.drain(stream));
            if self.written(drained)?.is_none() {
                self.room().await?;
            }
        }
        Ok(())
    }
}

/// Fills the pipe, which is empty, so that `EAGAIN` is the socket's.
///
/// Neither `EAGAIN` nor 0 is believed before a peek says the same: splice stops before a byte of
/// urgent data for ever, with the one or the other, where a read passes over it.
fn fill(pipe: &mut Lease, from: &TcpStream, most: usize) -> io::Result<Fill> {
    match pipe.fill(from, most) {
        Ok(0) => peek(from),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => peek(from),
        Ok(bytes) => Ok(Fill::Held(bytes)),
        Err(error) => Err(error),
    }
}

fn peek(from: &TcpStream) -> io::Result<Fill> {
    match recv(from.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK)? {
        0 => Ok(Fill::Eof),
        _ => Ok(Fill::Refused),
    }
}
