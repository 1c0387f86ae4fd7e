//! The upstream's side of HTTP/2: its frames are followed only so that `GOAWAY` comes between two.

use bytes::BytesMut;
use tokio::select;
use tokio::time::sleep;

use crate::http::pass;
use crate::http::pending::{Pending, Turn};
use crate::relay::{Cut, Direction, LAST_BYTES};

use super::frame::Frame;

/// Passes on frames until the upstream ends, or the client is to be told of a refusal.
pub(in crate::http) async fn responses(down: &Direction<'_>, pending: &Pending) -> Result<(), Cut> {
    let end = select! {
        biased;
        end = follow(down, pending) => end.and_then(|stopped| {
            if stopped { Ok(()) } else { down.pass_eof_on() }
        }),
        // The rest of a frame that does not come in time does not come: the client is reset.
        () = overdue(pending) => Ok(()),
    };
    down.concluded(end).map(|_| ())
}

async fn overdue(pending: &Pending) {
    pending.refused().await;
    sleep(LAST_BYTES).await;
}

/// False at the end of the stream; true if a request was refused, and nothing is under way.
async fn follow(down: &Direction<'_>, pending: &Pending) -> Result<bool, Cut> {
    let mut buffer = BytesMut::new();
    // Within a header block no other frame may come (RFC 9113 section 4.3).
    let mut in_block = false;
    loop {
        let mut passing = 0;
        while let Some(frame) = Frame::read(buffer.get(passing..).unwrap_or_default()) {
            in_block = frame.is_continued();
            passing += frame.whole();
        }
        let beyond = passing.saturating_sub(buffer.len());
        let passed = buffer.split_to(passing - beyond);
        down.write_all(passed.freeze()).await?;
        if down.carry(beyond as u64).await? > 0 {
            return Ok(false);
        }
        if !in_block && pending.turn() == Turn::Stop {
            return Ok(true);
        }
        select! {
            biased;
            read = pass::read(down, &mut buffer) => if !read? { return Ok(false) },
            () = pending.asked() => {}
        }
    }
}
