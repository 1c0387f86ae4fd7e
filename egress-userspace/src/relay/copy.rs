//! The copy engine: one read and one write through a buffer that all relays of a thread share.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

use super::direction::{Batch, Direction};
use super::end::Cut;

/// Half the CPU time of tokio's own 8 KiB; and it still fits a core's second-level cache.
pub(crate) const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// What a read and a write did.
enum Copied {
    /// All was written but `rest`, which the destination had no room for.
    Read {
        bytes: usize,
        rest: Bytes,
    },
    Dry,
    Eof,
}

impl Direction<'_> {
    /// Moves what one read gives, at most `most` bytes. Only while the destination is full does a relay hold a buffer of
    /// its own: for what it has read and cannot write yet, at most [`SCRATCH`].
    pub(super) async fn copy(&self, most: usize) -> Result<Batch, Cut> {
        match BUFFER.with_borrow_mut(|buffer| self.copy_by(window(buffer, most)))? {
            Copied::Read { bytes, rest } => {
                self.write_all(rest).await?;
                Ok(Batch::Moved(bytes))
            }
            Copied::Dry => Ok(Batch::Dry),
            Copied::Eof => Ok(Batch::Eof),
        }
    }

    /// Reads what is there, waiting for it, to the end of `buffer`, which grows by as much and no more;
    /// false at the end of the stream.
    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> Result<bool, Cut> {
        loop {
            self.from.readable().await?;
            let read = BUFFER.with_borrow_mut(|scratch| self.read_by(scratch, buffer))?;
            if let Some(bytes) = read {
                return Ok(bytes > 0);
            }
        }
    }

    fn read_by(&self, scratch: &mut [u8], buffer: &mut BytesMut) -> Result<Option<usize>, Cut> {
        let bytes = self.from.attempt(self.from.stream.try_read(scratch))?;
        let (read, _) = scratch.split_at(bytes.unwrap_or(0));
        buffer.extend_from_slice(read);
        Ok(bytes)
    }

    fn copy_by(&self, buffer: &mut [u8]) -> Result<Copied, Cut> {
        let bytes = match self.from.attempt(self.from.stream.try_read(buffer))? {
            None => return Ok(Copied::Dry),
            Some(0) => return Ok(Copied::Eof),
            Some(bytes) => bytes,
        };
        let (read, _) = buffer.split_at(bytes);
        let taken = self.written(self.to.stream.try_write(read))?.unwrap_or(0);
        let (_, rest) = read.split_at(taken);
        Ok(Copied::Read {
            bytes,
            rest: Bytes::copy_from_slice(rest),
        })
    }
}

fn window(buffer: &mut [u8], most: usize) -> &mut [u8] {
    let most = most.min(buffer.len());
    buffer.split_at_mut(most).0
}
