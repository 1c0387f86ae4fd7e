//! The copy engine: one read and one write through a buffer that all relays of a thread share.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;

use bytes::{Buf as _, Bytes, BytesMut};
use nix::libc::{MSG_MORE, MSG_NOSIGNAL};
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockRef;

use super::direction::Direction;
use super::end::Cut;
use super::flow::{Batch, Begun, Doubt, Flow, Held};
use crate::net::TcpStream;

/// Half the CPU time of tokio's own 8 KiB; and it still fits a core's second-level cache.
pub(crate) const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

impl Flow<'_> {
    /// Moves what one read gives, at most `most` bytes. Only while the destination is full does a
    /// relay hold a buffer of its own: for what it has read and cannot write yet, at most [`SCRATCH`].
    pub(super) fn copy(&mut self, direction: Direction<'_>, most: usize) -> Result<Batch, Cut> {
        BUFFER.with_borrow_mut(|buffer| {
            let window = buffer.split_at_mut(most).0;
            let Some(bytes) = self.read(direction, window)? else {
                return Ok(Batch::Dry);
            };
            if bytes == 0 {
                return Ok(Batch::Eof);
            }
            let (read, _) = window.split_at(bytes);
            if self.post(direction, read) {
                return Ok(Batch::Moved(bytes));
            }
            // The end of the stream goes out with its last bytes, in one segment. After a cut none does.
            let ends = self.then == Some(Ok(())) && direction.joint.cut().is_none();
            let written = if ends {
                direction.write_before_eof(read)
            } else {
                direction.write(read)
            };
            let (_, rest) = read.split_at(written?.unwrap_or(0));
            self.hold(Held::bytes(Bytes::copy_from_slice(rest)));
            Ok(Batch::Moved(bytes))
        })
    }

    /// Reads what there is; `None`: nothing; 0: the end of the stream.
    fn read(&mut self, direction: Direction<'_>, window: &mut [u8]) -> Result<Option<usize>, Cut> {
        let from = direction.from();
        if self.doubt == Doubt::Probe {
            return from.attempt(receive(from.stream, window));
        }
        if !self.is_trusting() {
            return from.attempt(from.stream.try_read(window));
        }
        let has_ended = from.stream.has_ended();
        let Some(mut bytes) = from.attempt(self.receive_all(from.stream, window))? else {
            return Ok(None);
        };
        if has_ended && self.doubts() {
            // Nothing urgent was in its way: what was read was all.
            self.doubt = Doubt::No;
            self.then = Some(Ok(()));
            return Ok(Some(bytes));
        }
        // Its poller knows already if more has come since, or an end: that costs nothing to ask.
        while bytes > 0 && bytes < window.len() {
            let (_, room) = window.split_at_mut(bytes);
            match from.attempt(self.receive_all(from.stream, room)) {
                Ok(None) => break,
                Ok(Some(0)) => self.then = Some(Ok(())),
                Ok(Some(more)) => {
                    bytes += more;
                    continue;
                }
                Err(cut) => {
                    direction.joint.note_cut(cut);
                    self.then = Some(Err(cut));
                }
            }
            break;
        }
        Ok(Some(bytes))
    }

    /// Reads, if there may be something. If that brings less than there is room for, nothing is left, and
    /// the socket's poller is told so, as by an attempt to read more. What comes in between is not
    /// missed: it counts as news.
    fn receive_all(&mut self, from: &TcpStream, window: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let result = from.try_reading(|| {
            self.doubt = Doubt::No;
            match receive(from, window)? {
                bytes if (1..window.len()).contains(&bytes) => {
                    short = Some(bytes);
                    self.doubt = Doubt::Unsure;
                    Err(ErrorKind::WouldBlock.into())
                }
                bytes => Ok(bytes),
            }
        });
        short.map_or(result, Ok)
    }
}

impl Direction<'_> {
    /// Reads what is there, waiting for it, to the end of `buffer`, which grows by as much and no more;
    /// false at the end of the stream.
    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> Result<bool, Cut> {
        loop {
            self.from().stream.readable().await;
            let read = BUFFER.with_borrow_mut(|scratch| self.read_by(scratch, buffer))?;
            if let Some(bytes) = read {
                return Ok(bytes > 0);
            }
        }
    }

    fn read_by(&self, scratch: &mut [u8], buffer: &mut BytesMut) -> Result<Option<usize>, Cut> {
        let from = self.from();
        let bytes = from.attempt(from.stream.try_read(scratch))?;
        let (read, _) = scratch.split_at(bytes.unwrap_or(0));
        buffer.extend_from_slice(read);
        Ok(bytes)
    }

    /// Writes what there is room for; `None`: there is none.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<Option<usize>, Cut> {
        self.written(self.to().stream.try_write(bytes))
    }

    /// Writes what there is room for, whatever is known: of a socket that has just been connected nothing is
    /// until its poller has looked, and there is room.
    fn write_first(&self, bytes: &[u8]) -> Result<Option<usize>, Cut> {
        self.written(SockRef::from(self.to().stream).send_with_flags(bytes, MSG_NOSIGNAL))
    }

    /// Writes the first bytes of a direction, or posts them.
    pub(super) fn begin_with<'h>(&self, mut bytes: Bytes) -> Begun<'h> {
        if bytes.is_empty() {
            return Begun::Written;
        }
        if self.post(&bytes) {
            return Begun::Posted;
        }
        match self.write_first(&bytes) {
            Err(cut) => Begun::Failed(cut),
            Ok(written) => {
                bytes.advance(written.unwrap_or(0));
                Held::bytes(bytes).map_or(Begun::Written, Begun::Held)
            }
        }
    }

    /// As [`write`](Self::write), for the last bytes before an end of stream, which lets go what is held
    /// back until then.
    pub(super) fn write_before_eof(&self, bytes: &[u8]) -> Result<Option<usize>, Cut> {
        let stream = self.to().stream;
        self.taken(
            stream.try_writing(|| {
                SockRef::from(stream).send_with_flags(bytes, MSG_MORE | MSG_NOSIGNAL)
            }),
        )
    }
}

fn receive(from: &TcpStream, window: &mut [u8]) -> io::Result<usize> {
    Ok(recv(from.as_raw_fd(), window, MsgFlags::empty())?)
}
