//! The client's side of HTTP/2.

use bytes::BytesMut;
use http::Method;

use crate::http::Telling;
use crate::http::pass;
use crate::http::pending::{Pending, Refusal};
use crate::relay::{Cut, Direction};
use crate::sniff::{HTTP2_PREFACE, asked_in};
use crate::types::{Claim, DenyReason, HostName};

use super::frame::{Look, look};
use super::headers::Decoder;

/// The requests of a connection.
pub(in crate::http) struct Requests<'a, J> {
    up: &'a Direction<'a>,
    pending: &'a Pending,
    judge: &'a J,
    buffer: BytesMut,
    decoder: Option<Decoder>,
    /// The last stream that was passed on.
    last_stream: u32,
}

/// Why requests are followed no longer.
enum Stop {
    /// The client sends no more.
    Eof,
    /// What follows is passed on unread.
    Unread,
    /// It is refused.
    Refused(DenyReason, Option<HostName>),
    /// One of the sockets failed.
    Cut(Cut),
}

impl From<Cut> for Stop {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl<'a, J: Fn(&Claim) -> Result<(), DenyReason>> Requests<'a, J> {
    pub(in crate::http) fn new(
        up: &'a Direction<'a>,
        pending: &'a Pending,
        judge: &'a J,
        buffer: BytesMut,
    ) -> Self {
        Self {
            up,
            pending,
            judge,
            buffer,
            decoder: Decoder::new(),
            last_stream: 0,
        }
    }

    /// Passes on frames until the client ends, or a request is refused.
    pub(in crate::http) async fn run(mut self) -> Result<(), Cut> {
        let end = match self.follow().await {
            Stop::Eof => self.up.pass_eof_on(),
            Stop::Unread => return self.up.run(self.buffer.freeze()).await,
            Stop::Refused(reason, asked) => {
                self.pending.refuse(Refusal {
                    reason,
                    asked,
                    whole: true,
                    telling: Telling::GoAway(self.last_stream),
                });
                Ok(())
            }
            Stop::Cut(cut) => Err(cut),
        };
        self.up.concluded(end).map(|_| ())
    }

    async fn follow(&mut self) -> Stop {
        match self.preface().await {
            Err(stop) => stop,
            Ok(()) => loop {
                if let Err(stop) = self.frames().await {
                    return stop;
                }
            },
        }
    }

    async fn preface(&mut self) -> Result<(), Stop> {
        while self.buffer.len() < HTTP2_PREFACE.len() {
            self.more().await?;
        }
        if !self.buffer.starts_with(HTTP2_PREFACE) {
            return Err(self.broken(DenyReason::MalformedHttp));
        }
        self.pass(HTTP2_PREFACE.len()).await
    }

    /// Passes on the frames that are there, and reads more.
    async fn frames(&mut self) -> Result<(), Stop> {
        let mut passing = 0;
        loop {
            let rest = self.buffer.get(passing..).unwrap_or_default();
            let there = rest.len();
            let length = match look(rest) {
                Ok(Look::More) => break,
                Ok(Look::Plain(length)) => length,
                Ok(Look::Block {
                    length,
                    stream,
                    block,
                }) => {
                    if let Err(stop) = self.judged(stream, &block) {
                        self.pass(passing).await?;
                        return Err(stop);
                    }
                    length as u64
                }
                Err(reason) => {
                    self.pass(passing).await?;
                    return Err(self.broken(reason));
                }
            };
            match usize::try_from(length) {
                Ok(length) if length <= there => passing += length,
                // The rest of a frame that may pass need not be looked at.
                _ => {
                    self.pass(passing + there).await?;
                    return match self.up.carry(length.saturating_sub(there as u64)).await? {
                        0 => Ok(()),
                        _missing => Err(Stop::Eof),
                    };
                }
            }
        }
        self.pass(passing).await?;
        self.more().await
    }

    async fn pass(&mut self, count: usize) -> Result<(), Stop> {
        let passed = self.buffer.split_to(count);
        Ok(self.up.write_all(passed.freeze()).await?)
    }

    async fn more(&mut self) -> Result<(), Stop> {
        if pass::read(self.up, &mut self.buffer).await? {
            Ok(())
        } else {
            Err(Stop::Eof)
        }
    }

    /// Asks whether a header block may pass.
    fn judged(&mut self, stream: u32, block: &[u8]) -> Result<(), Stop> {
        let Some(decoder) = &mut self.decoder else {
            return Err(self.broken(DenyReason::MalformedHttp));
        };
        // Clients number their streams upwards, by odd numbers (RFC 9113 section 5.1.1).
        if stream <= self.last_stream {
            return decoder
                .trailers(block)
                .map_err(|reason| self.broken(reason));
        }
        let read = decoder.request(block).and_then(|parts| {
            let tunnel = parts.method == Method::CONNECT && !is_extended(&parts);
            Ok((asked_in(&parts)?, tunnel))
        });
        let (authority, tunnel) = match read {
            Ok(_) if stream.is_multiple_of(2) => {
                return Err(self.broken(DenyReason::MalformedHttp));
            }
            Ok(read) => read,
            Err(reason) => return Err(self.broken(reason)),
        };
        let claim = Claim::Http2 { authority };
        if let Err(reason) = (self.judge)(&claim) {
            return Err(Stop::Refused(reason, claim.name().cloned()));
        }
        // What is in it would have to be looked for in the frames of its stream.
        if tunnel {
            return Err(self.broken(DenyReason::UpgradeRefused));
        }
        self.last_stream = stream;
        Ok(())
    }

    /// What cannot be followed: if that may pass, the rest does, unread.
    fn broken(&self, reason: DenyReason) -> Stop {
        match (self.judge)(&Claim::Malformed(reason)) {
            Ok(()) => Stop::Unread,
            Err(reason) => Stop::Refused(reason, None),
        }
    }
}

/// A request such as `WebSocket`'s (RFC 8441): it has a path, and names no host but its own.
fn is_extended(parts: &http::request::Parts) -> bool {
    parts.extensions.get::<h2::ext::Protocol>().is_some()
}
