//! The splice engine: from socket to pipe to socket, without the bytes leaving the kernel.

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};

use super::copy::SCRATCH;
use super::direction::Direction;
use super::end::Cut;
use super::flow::{Batch, Doubt, Flow, Held};
use super::pool::Lease;
use crate::net::TcpStream;

/// What an attempt to fill a pipe found.
enum Fill {
    Held(usize),
    Eof,
    /// There are bytes that splice does not take.
    Refused,
}

impl Flow<'_> {
    /// Reads what one filling of the pipe gives, at most `most` bytes, and writes what there is room
    /// for.
    pub(super) fn splice(
        &mut self,
        direction: Direction<'_>,
        mut pipe: Lease,
        most: usize,
    ) -> Result<Batch, Cut> {
        let from = direction.from();
        // Where bytes came just before, their end is no surprise.
        let trusted = self.is_trusting() && self.is_moving();
        let filled = from.stream.try_reading(|| {
            let filled = fill(&mut pipe, from.stream, most, trusted);
            self.doubt = if trusted && filled.is_err() {
                Doubt::Unsure
            } else {
                Doubt::No
            };
            filled
        });
        let filled = from.attempt(filled)?;
        if pipe.held() > 0 {
            pipe.give(direction)?;
        }
        if pipe.held() == 0 {
            pipe.put_back();
        } else {
            self.hold(Some(Box::new(Held::pipe(pipe))));
        }
        match filled {
            Some(Fill::Held(bytes)) => Ok(Batch::Moved(bytes)),
            Some(Fill::Eof) => Ok(Batch::Eof),
            Some(Fill::Refused) => {
                self.doubt = Doubt::Probe;
                self.copy(direction, most.min(SCRATCH))
            }
            None => Ok(Batch::Dry),
        }
    }
}

impl Lease {
    /// Writes what the pipe holds, which is something: so `EAGAIN` is the socket's.
    pub(super) fn give(&mut self, direction: Direction<'_>) -> Result<Option<usize>, Cut> {
        let stream = direction.to().stream;
        direction.written(stream.try_writing(|| self.drain(stream)))
    }
}

/// Fills the pipe, which is empty, so that `EAGAIN` is the socket's.
///
/// Neither `EAGAIN` nor 0 is believed before a peek says the same: splice stops before a byte of
/// urgent data for ever, with the one or the other, where a read passes over it. With `trusting`, who
/// waits after an `EAGAIN` looks again later instead.
fn fill(pipe: &mut Lease, from: &TcpStream, most: usize, trusting: bool) -> io::Result<Fill> {
    match pipe.fill(from, most) {
        Ok(0) => peek(from),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !trusting => peek(from),
        Ok(bytes) => Ok(Fill::Held(bytes)),
        Err(error) => Err(error),
    }
}

fn peek(from: &TcpStream) -> io::Result<Fill> {
    let (socket, mut byte) = (from.as_raw_fd(), [0]);
    if recv(socket, &mut byte, MsgFlags::MSG_PEEK)? > 0 {
        return Ok(Fill::Refused);
    }
    // A peek leaves an urgent byte before the end where it is. To close a socket with something unread
    // is to reset it, and to drop what the other direction still has to send; a read passes over it.
    recv(socket, &mut byte, MsgFlags::empty())?;
    Ok(Fill::Eof)
}
