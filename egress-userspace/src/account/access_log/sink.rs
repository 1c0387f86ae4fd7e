//! What the writer puts lines into.

mod datagrams;
mod stream;

use std::io;

use super::queue::Batch;

pub(super) use datagrams::Datagrams;
pub(in crate::account) use stream::Stream;

/// A destination that is open.
pub(in crate::account) trait Sink: Send + 'static {
    /// Writes lines, or tells how many of them did not get there whole.
    fn write(&mut self, batch: &Batch) -> Result<(), Lost>;

    /// Opens the destination again, if it is one that may have been moved. After an error it is open as it was.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that are not at their destination.
#[derive(Debug)]
pub(in crate::account) struct Lost {
    /// How many; at least one.
    pub(in crate::account) lines: usize,
    /// Why the first of them is not.
    pub(in crate::account) error: io::Error,
}
