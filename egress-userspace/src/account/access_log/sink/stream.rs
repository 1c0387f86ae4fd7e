//! Lines one after another: in a file, or in what the standard output is.

use std::io::{self, ErrorKind, Write};

use super::{Lost, Sink};
use crate::account::access_log::queue::Batch;

/// The end of a text.
pub(in crate::account) struct Stream<W> {
    into: W,
    again: Option<Open<W>>,
    /// Its last line is not whole, and so has no newline.
    torn: bool,
}

/// What opens it.
type Open<W> = Box<dyn FnMut() -> io::Result<W> + Send>;

impl<W: Write> Stream<W> {
    /// One that stays as it is.
    pub(in crate::account) fn new(into: W) -> Self {
        Self {
            into,
            again: None,
            torn: false,
        }
    }

    /// One that is opened so, now and each time that it is to be opened again.
    pub(in crate::account::access_log) fn opened(
        mut open: impl FnMut() -> io::Result<W> + Send + 'static,
    ) -> io::Result<Self> {
        let stream = Self::new(open()?);
        Ok(Self {
            again: Some(Box::new(open)),
            ..stream
        })
    }

    /// Writes as much of a text as goes, and takes that off its front.
    fn put(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.into.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    let (put, left) = rest.split_at(written.min(rest.len()));
                    self.torn = !put.ends_with(b"\n");
                    *rest = left;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write + Send + 'static> Sink for Stream<W> {
    fn write(&mut self, batch: &Batch) -> Result<(), Lost> {
        let mut rest = batch.text.as_slice();
        let end: &[u8] = if self.torn { b"\n" } else { b"" };
        self.put(&mut &*end)
            .and_then(|()| self.put(&mut rest))
            .map_err(|error| Lost {
                lines: lines(rest),
                error,
            })
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(open) = &mut self.again {
            self.into = open()?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Lines of which the end, at least, is in a text, which is whole up to its end.
fn lines(text: &[u8]) -> usize {
    text.split_inclusive(|byte| *byte == b'\n').count()
}
