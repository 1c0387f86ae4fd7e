//! Passing a message on, without a look at more of it than its end needs.

use bytes::BytesMut;

use crate::relay::{Cut, Direction, SCRATCH};
use crate::sniff::Ambiguous;

use super::body::{Body, Followed, Next};

/// Why a message was not passed on as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// The sender ended before.
    Eof,
    /// Nobody can say where it ends.
    Ambiguous,
    /// One of the sockets failed.
    Cut(Cut),
}

impl From<Cut> for Broken {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// Passes on the `head` bytes that `buffer` begins with, and the body behind them, which may still have
/// to come. What comes after the body stays in `buffer`.
///
/// While the destination is full nothing is read, so a sender is held up by who it sends to.
pub(super) async fn message(
    direction: &Direction<'_>,
    buffer: &mut BytesMut,
    mut head: usize,
    mut body: Body,
) -> Result<(), Broken> {
    loop {
        let behind = buffer.get(head..).unwrap_or_default();
        let Followed { taken, next } =
            body.follow(behind).map_err(|Ambiguous| Broken::Ambiguous)?;
        let passed = buffer.split_to(head + taken);
        head = 0;
        direction.write_all(passed.freeze()).await?;
        match next {
            Next::Done => return Ok(()),
            // All of the buffer was data, and so much comes that it need not pass through one.
            Next::Data(left) if left >= SCRATCH as u64 => {
                let missing = direction.carry(left).await?;
                if missing > 0 {
                    return Err(Broken::Eof);
                }
                body.skip(left);
            }
            Next::Data(_) | Next::More => {
                if !read(direction, buffer).await? {
                    return Err(Broken::Eof);
                }
            }
        }
    }
}

/// Reads more into `buffer`; false at the end of the stream. Who waits with nothing in it holds no
/// memory.
pub(super) async fn read(direction: &Direction<'_>, buffer: &mut BytesMut) -> Result<bool, Cut> {
    if buffer.is_empty() {
        *buffer = BytesMut::new();
    }
    direction.read(buffer).await
}
