//! Reads a connection until its claim is known, the client ends, or time is up.

use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::progress::{Need, Wait};
use super::{conclude, detect, http2, tls};
use crate::types::{Claim, DenyReason};

/// Room for the first read: a post-quantum `ClientHello`, the largest usual first message, has
/// just under 2 KiB. A connection that is silent holds this much.
pub(crate) const FIRST_READ: usize = 2 * 1024;

/// How long an HTTP/2 client that has sent its preface may be silent before the gateway takes it to
/// be waiting for the server's `SETTINGS`. Longer than the pause between two writes of one client on
/// this node, short beside the round trip that such a client waits for anyhow.
const SETTINGS_GRACE: Duration = Duration::from_millis(20);

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that a first message may have, in bytes.
    pub cap: usize,
    /// Time for all of it, counted from the call.
    pub deadline: Duration,
}

impl Limits {
    /// The most bytes that are read of a connection, and so the most memory that it takes: the cap,
    /// and some room for the headers of TLS records.
    pub fn max_buffered(&self) -> usize {
        tls::wire_limit(self.cap)
    }
}

/// What was read.
#[derive(Debug)]
pub struct Sniffed {
    /// What the bytes say.
    pub claim: Claim,
    /// The bytes that the upstream must get before any others.
    pub buffered: Bytes,
    /// What ended the reading.
    pub ended: Ended,
}

/// What ended the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The claim was known.
    Decided,
    /// The client sends nothing more.
    Closed,
    /// The deadline passed; with nothing read, the client perhaps waits for the server to speak.
    TimedOut,
}

/// Reads the client's claim from its first bytes.
///
/// Errors are the stream's own. Writes only to an HTTP/2 client that waits for `SETTINGS`.
pub async fn sniff<S>(stream: &mut S, limits: &Limits) -> io::Result<Sniffed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    sniff_on(Vec::new(), stream, limits).await
}

/// What these bytes say, at most [`Limits::max_buffered`], if they are all that it takes; otherwise they are given back,
/// for [`sniff_on`].
pub(crate) fn at_once(read: Vec<u8>, limits: &Limits) -> Result<Sniffed, Vec<u8>> {
    match detect(&read, limits.cap) {
        Ok(claim) => Ok(Sniffed {
            claim,
            buffered: read.into(),
            ended: Ended::Decided,
        }),
        Err(_) => Err(read),
    }
}

/// As [`sniff`], where these bytes have been read already: at most [`Limits::max_buffered`].
pub(crate) async fn sniff_on<S>(
    read: Vec<u8>,
    stream: &mut S,
    limits: &Limits,
) -> io::Result<Sniffed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut first = FirstBytes {
        stream,
        limits,
        buffer: read,
        greeted: false,
    };
    let (claim, ended) = match timeout(limits.deadline, first.claim()).await {
        Ok(outcome) => outcome?,
        Err(_) if first.buffer.is_empty() => (Claim::Opaque, Ended::TimedOut),
        Err(_) => (Claim::Malformed(DenyReason::SniffTimeout), Ended::TimedOut),
    };
    Ok(Sniffed {
        claim,
        buffered: first.buffer.into(),
        ended,
    })
}

/// A connection's beginning, as far as it has been read.
struct FirstBytes<'a, S> {
    stream: &'a mut S,
    limits: &'a Limits,
    buffer: Vec<u8>,
    /// The client was sent `SETTINGS`.
    greeted: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FirstBytes<'_, S> {
    async fn claim(&mut self) -> io::Result<(Claim, Ended)> {
        loop {
            let wait = match self.look() {
                Ok(claim) => return Ok((claim, Ended::Decided)),
                // No parser waits for more than fits; were one to do so, this would never end.
                Err(_) if self.room() == 0 => {
                    let too_large = Claim::Malformed(DenyReason::SniffTooLarge);
                    return Ok((too_large, Ended::Decided));
                }
                Err(wait) => wait,
            };
            if !self.more(wait.need).await? {
                return Ok((wait.claim_at_end(), Ended::Closed));
            }
        }
    }

    /// The claim, if it is known and a greeting, if one was sent, is answered.
    ///
    /// The answer is taken out of the bytes: the upstream has sent no `SETTINGS` yet and must not see
    /// them acknowledged.
    fn look(&mut self) -> Result<Claim, Wait> {
        let claim = detect(&self.buffer, self.limits.cap)?;
        if !self.greeted || !matches!(claim, Claim::Http2 { .. }) {
            return Ok(claim);
        }
        conclude(
            http2::settings_ack(&self.buffer, self.limits.cap).map(|ack| {
                self.buffer.drain(ack);
                claim
            }),
        )
    }

    /// Reads on, and greets an HTTP/2 client that waits for it; false if the client ended.
    async fn more(&mut self, need: Need) -> io::Result<bool> {
        if need == Need::Frame && !self.greeted {
            if let Ok(arrived) = timeout(SETTINGS_GRACE, self.read(need)).await {
                return arrived;
            }
            self.greet().await?;
        }
        self.read(need).await
    }

    /// Speaks first, as the server would, with settings that change nothing. The upstream's own come
    /// later, as a change.
    async fn greet(&mut self) -> io::Result<()> {
        self.greeted = true;
        self.stream.write_all(&http2::EMPTY_SETTINGS).await?;
        self.stream.flush().await
    }

    /// Reads until it is worth looking again, or the buffer is full; false if the client ended before.
    async fn read(&mut self, need: Need) -> io::Result<bool> {
        let seen = self.buffer.len();
        while !need.is_met(&self.buffer, seen) && self.room() > 0 {
            self.grow(need);
            let room = self.room();
            let mut space = (&mut self.buffer).limit(room);
            if self.stream.read_buf(&mut space).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How much may still be read.
    fn room(&self) -> usize {
        let most = self.limits.max_buffered();
        most.saturating_sub(self.buffer.len())
    }

    /// Makes space in a full buffer: for what is known to come, or for as much again, but never for
    /// more than may be read.
    fn grow(&mut self, need: Need) {
        let length = self.buffer.len();
        if length < self.buffer.capacity() {
            return;
        }
        let known = match need {
            Need::Bytes(least) => least.saturating_sub(length),
            Need::Line | Need::Frame => 0,
        };
        let wanted = known.max(length).max(FIRST_READ);
        self.buffer.reserve_exact(wanted.min(self.room()));
    }
}
