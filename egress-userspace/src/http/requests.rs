//! The client's side of HTTP/1: each request is judged before a byte of it is passed on.

use bytes::BytesMut;
use tokio::select;
use tokio::time::timeout;

use crate::relay::{Cut, Direction};
use crate::sniff::{
    self, Parsed, Protocol, RequestHead, RequestKind, Stop as Unparsed, client_hello, request,
};
use crate::types::{Claim, DenyReason, HostName};

use super::body::Body;
use super::pass::{self, Broken};
use super::pending::{Granted, Pending, Refusal};
use super::{Settings, Telling};

/// The requests of a connection.
pub(super) struct Requests<'a, J> {
    up: &'a Direction<'a>,
    pending: &'a Pending,
    judge: &'a J,
    settings: &'a Settings,
    buffer: BytesMut,
}

/// Why requests are followed no longer.
enum Stop {
    /// The client sends no more.
    Eof,
    /// What follows is passed on unread.
    Unread,
    /// It is refused.
    Refused(Refusal),
    /// One of the sockets failed.
    Cut(Cut),
}

impl From<Cut> for Stop {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl<'a, J: Fn(&Claim) -> Result<(), DenyReason>> Requests<'a, J> {
    pub(super) fn new(
        up: &'a Direction<'a>,
        pending: &'a Pending,
        judge: &'a J,
        settings: &'a Settings,
        buffer: BytesMut,
    ) -> Self {
        Self {
            up,
            pending,
            judge,
            settings,
            buffer,
        }
    }

    /// Passes on requests until the client ends, or one is refused.
    pub(super) async fn run(mut self) -> Result<(), Cut> {
        let end = match self.follow().await {
            Stop::Eof => self.up.pass_eof_on(),
            Stop::Unread => return self.up.run(self.buffer.freeze()).await,
            Stop::Refused(refusal) => {
                let in_tunnel = refusal.telling == Telling::Alert;
                self.pending.refuse(refusal);
                // A tunnel has no boundary to wait for.
                if in_tunnel {
                    Err(Cut::Cancelled)
                } else {
                    Ok(())
                }
            }
            Stop::Cut(cut) => Err(cut),
        };
        self.up.concluded(end).map(|_| ())
    }

    async fn follow(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.one().await {
                return stop;
            }
        }
    }

    /// Passes on one request.
    async fn one(&mut self) -> Result<(), Stop> {
        let head = self.head().await?;
        self.judged(&head)?;
        let waiting = self.pending.push(head.kind);
        watched(self.up, waiting).await?;
        let body = Body::of_request(head.framing);
        pass::message(self.up, &mut self.buffer, head.length, body)
            .await
            .map_err(|broken| match broken {
                Broken::Eof => Stop::Eof,
                Broken::Cut(cut) => Stop::Cut(cut),
                Broken::Ambiguous => self.broken(DenyReason::RequestSmuggling, false),
            })?;
        if !matches!(head.kind, RequestKind::Connect(_) | RequestKind::Upgrade(_)) {
            return Ok(());
        }
        match watched(self.up, self.pending.granted()).await? {
            Granted::Refused => Ok(()),
            Granted::Tunnel => Err(self.tunnel(&head).await?),
        }
    }

    /// Waits for a request's head.
    async fn head(&mut self) -> Result<RequestHead, Stop> {
        // Only what has begun has to end in time.
        if self.buffer.is_empty() && !pass::read(self.up, &mut self.buffer).await? {
            return Err(Stop::Eof);
        }
        let sniff::Limits { cap, deadline } = self.settings.head;
        let head = self.parsed(|bytes| request(bytes, cap));
        match timeout(deadline, head).await {
            Ok(head) => head?.map_err(|reason| self.broken(reason, true)),
            Err(_elapsed) => Err(self.broken(DenyReason::SniffTimeout, true)),
        }
    }

    /// Reads until a parser has its answer. What is not its protocol is malformed.
    async fn parsed<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Parsed<T>,
    ) -> Result<Result<T, DenyReason>, Cut> {
        loop {
            let wait = match parse(&self.buffer) {
                Ok(parsed) => return Ok(Ok(parsed)),
                Err(Unparsed::Not) => return Ok(Err(DenyReason::MalformedHttp)),
                Err(Unparsed::Malformed(reason)) => return Ok(Err(reason)),
                Err(Unparsed::More(wait)) => wait,
            };
            let seen = self.buffer.len();
            while !wait.need.is_met(&self.buffer, seen) {
                if !pass::read(self.up, &mut self.buffer).await? {
                    let reason = wait.unfinished.unwrap_or(DenyReason::MalformedHttp);
                    return Ok(Err(reason));
                }
                if self.buffer.len() >= self.settings.head.cap {
                    break;
                }
            }
        }
    }

    /// Asks whether the request may pass.
    fn judged(&self, head: &RequestHead) -> Result<(), Stop> {
        let refused = |reason| Stop::Refused(refusal(reason, head.host.clone(), true));
        (self.judge)(&head.claim()).map_err(refused)?;
        match head.kind {
            RequestKind::Connect(port) if port != Some(self.settings.port) => {
                Err(self.broken(DenyReason::AuthorityMismatch, true))
            }
            RequestKind::Upgrade(Protocol::CarriesNames) => {
                Err(self.broken(DenyReason::UpgradeRefused, true))
            }
            _ => Ok(()),
        }
    }

    /// In a tunnel that was asked for by name, TLS must not ask for another one.
    async fn tunnel(&mut self, head: &RequestHead) -> Result<Stop, Stop> {
        let (RequestKind::Connect(_), Some(name)) = (head.kind, &head.host) else {
            return Ok(Stop::Unread);
        };
        let reason = match self.sni().await? {
            Ok(None) => return Ok(Stop::Unread),
            Ok(Some(sni)) if sni == *name => return Ok(Stop::Unread),
            Ok(Some(_)) => DenyReason::HostSniMismatch,
            Err(reason) => reason,
        };
        let asked = Some(name.clone());
        match (self.judge)(&Claim::Malformed(reason)) {
            Ok(()) => Ok(Stop::Unread),
            Err(reason) => {
                let refusal = refusal(reason, asked, true);
                self.pending.tell();
                Ok(Stop::Refused(Refusal {
                    telling: Telling::Alert,
                    ..refusal
                }))
            }
        }
    }

    /// The name that TLS asks for, if the client's first bytes are TLS, and it does.
    async fn sni(&mut self) -> Result<Result<Option<HostName>, DenyReason>, Cut> {
        let cap = self.settings.head.cap;
        // A client that waits for the server to speak sends nothing yet.
        if self.buffer.is_empty() && !pass::read(self.up, &mut self.buffer).await? {
            return Ok(Ok(None));
        }
        let hello = self.parsed(|bytes| match client_hello(bytes, cap) {
            Ok(tls) => Ok(tls.sni),
            Err(Unparsed::Not) => Ok(None),
            Err(stop) => Err(stop),
        });
        hello.await
    }

    /// What is no request, or none that can be followed: if that may pass, the rest does, unread.
    fn broken(&self, reason: DenyReason, whole: bool) -> Stop {
        match (self.judge)(&Claim::Malformed(reason)) {
            Ok(()) => {
                self.pending.unread();
                Stop::Unread
            }
            Err(reason) => Stop::Refused(refusal(reason, None, whole)),
        }
    }
}

fn refusal(reason: DenyReason, asked: Option<HostName>, whole: bool) -> Refusal {
    Refusal {
        reason,
        asked,
        whole,
        telling: Telling::Response,
    }
}

/// Waits for something, while nobody reads from the client: its reset has to be watched for.
async fn watched<T>(up: &Direction<'_>, event: impl Future<Output = T>) -> Result<T, Cut> {
    select! {
        biased;
        event = event => Ok(event),
        cut = up.source_gone() => Err(cut),
    }
}
