//! The upstream's side of HTTP/1: each response is followed to its end, so that a refusal never comes
//! into the middle of one.

use std::io::ErrorKind;

use bytes::BytesMut;
use tokio::select;

use crate::relay::{Cut, Direction, Side};

use super::pass::{self, Broken};
use super::pending::{Granted, Pending, Turn};
use super::response::{Answer, ResponseHead, Unframed};

/// The responses of a connection.
pub(super) struct Responses<'a> {
    down: &'a Direction<'a>,
    pending: &'a Pending,
    buffer: BytesMut,
}

/// Why responses are followed no longer.
enum Stop {
    /// The upstream sends no more.
    Eof,
    /// What follows is passed on unread.
    Unread,
    /// The client is to be told of a refusal.
    Refused,
    /// A response has no certain end.
    Unframed,
    /// One of the sockets failed.
    Cut(Cut),
}

impl From<Cut> for Stop {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl From<Unframed> for Stop {
    fn from(_: Unframed) -> Self {
        Self::Unframed
    }
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Eof => Self::Eof,
            Broken::Ambiguous => Self::Unframed,
            Broken::Cut(cut) => Self::Cut(cut),
        }
    }
}

impl<'a> Responses<'a> {
    pub(super) fn new(down: &'a Direction<'a>, pending: &'a Pending) -> Self {
        Self {
            down,
            pending,
            buffer: BytesMut::new(),
        }
    }

    /// Passes on responses until the upstream ends, or the client is to be told of a refusal.
    pub(super) async fn run(mut self) -> Result<(), Cut> {
        let end = match self.follow().await {
            Stop::Eof => self.down.pass_eof_on(),
            Stop::Unread => return self.down.run(self.buffer.freeze()).await,
            Stop::Refused => Ok(()),
            Stop::Unframed => {
                self.pending.unframed();
                Err(Cut::Failed {
                    side: Side::Upstream,
                    kind: ErrorKind::InvalidData,
                })
            }
            Stop::Cut(cut) => Err(cut),
        };
        self.down.concluded(end).map(|_| ())
    }

    async fn follow(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.one().await {
                return stop;
            }
        }
    }

    /// Passes on one response.
    async fn one(&mut self) -> Result<(), Stop> {
        let (head, request) = loop {
            let request = match self.pending.turn() {
                Turn::Stop => return Err(Stop::Refused),
                Turn::Unread => return Err(Stop::Unread),
                Turn::Read(request) => request,
            };
            match (self.head()?, request) {
                (Some(head), Some(request)) => break (head, request),
                // Nobody asked: for the client it would be the answer to what it asks next.
                (Some(_), None) => return Err(Stop::Unframed),
                (None, _) => self.more().await?,
            }
        };
        match head.answers(request)? {
            Answer::Interim => {
                let interim = self.buffer.split_to(head.length);
                self.down.write_all(interim.freeze()).await?;
            }
            Answer::Tunnel => {
                self.pending.answer(Granted::Tunnel);
                return Err(Stop::Unread);
            }
            Answer::Final(body) => {
                pass::message(self.down, &mut self.buffer, head.length, body).await?;
                self.pending.answer(Granted::Refused);
            }
        }
        Ok(())
    }

    fn head(&self) -> Result<Option<ResponseHead>, Unframed> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        ResponseHead::read(&self.buffer)
    }

    /// Waits for more of a response, or for the other side to do something.
    async fn more(&mut self) -> Result<(), Stop> {
        let begun = !self.buffer.is_empty();
        select! {
            biased;
            read = pass::read(self.down, &mut self.buffer) => match read? {
                true => Ok(()),
                false if begun => Err(Stop::Unframed),
                false => Err(Stop::Eof),
            },
            () = self.pending.asked() => Ok(()),
        }
    }
}
