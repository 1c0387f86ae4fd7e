//! The head of a response (RFC 9112 section 4), as far as it says where the response ends.

use crate::sniff::{Framing, MAX_HEADERS, RequestKind, framing, head_length};

use super::body::Body;

/// Longest head: eight times what servers usually send at most.
const MAX_HEAD: usize = 64 * 1024;
/// What every response begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// A response that has no certain end, or answers no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response has no certain end")]
pub struct Unframed;

/// What a response's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResponseHead {
    /// Its length in bytes, with the empty line that ends it.
    pub(super) length: usize,
    status: u16,
    framing: Framing,
}

/// What a response is to the request that it answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// Another response follows.
    Interim,
    /// The connection is a tunnel from here on.
    Tunnel,
    /// This body, and then the next request's response.
    Final(Body),
}

impl ResponseHead {
    /// Reads the head that `bytes` begin with; `None`: its end has not come yet.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Unframed> {
        let window = bytes.get(..MAX_HEAD).unwrap_or(bytes);
        let compared = window.len().min(BEGINNING.len());
        if window.get(..compared) != BEGINNING.get(..compared) {
            return Err(Unframed);
        }
        let length = match window.iter().position(|&b| b == b'\n') {
            Some(end) => head_length(window, end + 1).map_err(|_| Unframed)?,
            None => None,
        };
        match length.and_then(|length| window.get(..length)) {
            Some(head) => Self::parse(head).map(Some),
            None if window.len() == MAX_HEAD => Err(Unframed),
            None => Ok(None),
        }
    }

    fn parse(head: &[u8]) -> Result<Self, Unframed> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(head).map_err(|_| Unframed)?;
        let (Some(version), Some(status)) = (response.version, response.code) else {
            return Err(Unframed);
        };
        if status < 100 {
            return Err(Unframed);
        }
        Ok(Self {
            length: head.len(),
            status,
            framing: framing(response.headers, version).map_err(|_| Unframed)?,
        })
    }

    /// What it is to a request of this kind (RFC 9112 section 6.3).
    pub(super) fn answers(self, request: RequestKind) -> Result<Answer, Unframed> {
        match (self.status, request) {
            (101, RequestKind::Upgrade(_)) => Ok(Answer::Tunnel),
            (101, _) => Err(Unframed),
            // A body is none of a tunnel's (RFC 9110 section 9.3.6): this server knows no `CONNECT`, and
            // would take what comes through the tunnel for requests.
            (200..=299, RequestKind::Connect(_)) if self.framing != Framing::Unsaid => {
                Err(Unframed)
            }
            (200..=299, RequestKind::Connect(_)) => Ok(Answer::Tunnel),
            (100..=199, _) if self.framing == Framing::Unsaid => Ok(Answer::Interim),
            (100..=199, _) => Err(Unframed),
            (204 | 304, _) | (_, RequestKind::Head) => Ok(Answer::Final(Body::Length(0))),
            _ => Ok(Answer::Final(Body::of_response(self.framing))),
        }
    }
}

/// Reads a response's head: its length, once it is there. For the fuzz target.
pub fn follow_response(bytes: &[u8]) -> Result<Option<usize>, Unframed> {
    Ok(ResponseHead::read(bytes)?.map(|head| head.length))
}
