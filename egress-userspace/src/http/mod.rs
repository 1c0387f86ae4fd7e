//! HTTP in the clear, with each request judged and not only the first of a connection.
//!
//! The bytes pass as they are. What is read on the way is where each message ends and which host each
//! request is for: a request that may not pass is not passed on, and its client is told when no other
//! answer is under way. What could be understood in two ways is refused too, since the server would
//! perhaps see a request that nobody judged (RFC 9112 section 11.2).

mod body;
mod chunked;
mod pass;
mod pending;
mod requests;
mod response;
mod responses;
#[cfg(test)]
mod tests;
mod two;

use std::future::Future;

use bytes::{Bytes, BytesMut};

use crate::net::TcpStream;
use crate::relay::{CloseReason, Counters, Cut, Joint, Options, Side, both};
use crate::sniff;
use crate::types::{Claim, DenyReason, HostName};

pub use body::follow_body;
pub use response::{Unframed, follow_response};
pub use two::{Look, go_away, look};

use pending::Pending;
use requests::Requests;
use responses::Responses;

/// Bounds on requests, and what they are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a head may be, and how long it may take from its first byte on.
    pub head: sniff::Limits,
    /// The port that the client connected to: the only one that it may ask a tunnel to.
    pub port: u16,
}

/// A connection that was accepted and whose upstream is connected.
#[derive(Debug)]
pub struct Joined {
    /// The client's socket.
    pub client: TcpStream,
    /// What was read from it, and is not passed on yet.
    pub first: Bytes,
    /// The upstream's socket.
    pub upstream: TcpStream,
}

/// Which version of HTTP a client began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0 or HTTP/1.1.
    One,
    /// HTTP/2, by prior knowledge.
    Two,
}

/// How a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// As a relay does.
    Closed(CloseReason),
    /// The upstream sent a response that has no certain end; both sides were reset.
    Unframed,
    /// A request was refused.
    Refused(Refused),
}

/// A refused request.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub reason: DenyReason,
    /// The name that it was for, if it had one.
    pub asked: Option<HostName>,
    /// Where the client can be told, and how; `None`: an answer was under way, and the client was reset.
    pub told: Option<(TcpStream, Telling)>,
}

/// How a client is told of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// By a response of HTTP/1.
    Response,
    /// By a TLS alert, in a tunnel.
    Alert,
    /// By `GOAWAY`, after this stream (RFC 9113 section 6.8).
    GoAway(u32),
}

/// Joins client and upstream until both have ended, or a request is refused.
///
/// `judge` says whether a request may pass. It is asked about what is no request, too, by
/// [`Claim::Malformed`]: if that may pass, nothing after it is read.
pub async fn serve(
    version: Version,
    joined: Joined,
    judge: impl Fn(&Claim) -> Result<(), DenyReason> + Sync,
    settings: &Settings,
    options: &Options,
    counters: &Counters,
    cancel: impl Future<Output = ()>,
) -> Ended {
    let Joined {
        client,
        first,
        upstream,
    } = joined;
    let buffer = BytesMut::from(first.as_ref());
    // The memory that was lent for the first message is given back.
    drop(first);
    let joint = Joint::new(client, upstream, options, counters);
    let pending = Pending::default();
    let (up, down) = (joint.up(), joint.down());
    // Each on the heap: a connection that is relayed unread has no room for what it does not need.
    let closed = match version {
        Version::One => {
            let requests = Requests::new(&up, &pending, &judge, settings, buffer);
            let responses = Responses::new(&down, &pending);
            let exchange = both(&up, requests.run(), &down, responses.run());
            Box::pin(joint.bounded(exchange, cancel)).await
        }
        Version::Two => {
            let requests = two::Requests::new(&up, &pending, &judge, buffer);
            let exchange = both(&up, requests.run(), &down, two::responses(&down, &pending));
            Box::pin(joint.bounded(exchange, cancel)).await
        }
    };
    ended(joint, &pending, closed)
}

fn ended(joint: Joint<'_>, pending: &Pending, closed: Result<Side, Cut>) -> Ended {
    if let Some((refusal, telling)) = pending.refusal() {
        return Ended::Refused(Refused {
            told: telling.map(|telling| (joint.into_client(refusal.whole), telling)),
            reason: refusal.reason,
            asked: refusal.asked,
        });
    }
    match closed {
        Ok(first) => {
            joint.close();
            Ended::Closed(CloseReason::Finished { first })
        }
        Err(_) if pending.is_unframed() => Ended::Unframed,
        Err(cut) => Ended::Closed(CloseReason::Cut(cut)),
    }
}
