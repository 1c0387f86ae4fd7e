//! What the two directions of a connection know of each other: which requests wait for their answers,
//! and whether one was refused.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::sniff::RequestKind;
use crate::types::{DenyReason, HostName};

use super::Telling;

/// Most requests that are passed on before the first of them is answered. More wait with the client:
/// nobody pipelines even as many.
const MAX_PIPELINE: usize = 32;

/// A refusal, and where in the stream it stands.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) reason: DenyReason,
    pub(super) asked: Option<HostName>,
    /// The upstream was sent whole messages.
    pub(super) whole: bool,
    pub(super) telling: Telling,
}

/// How an upgrade, or `CONNECT`, was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    Tunnel,
    Refused,
}

/// What the response side is to do before it reads another response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Read it: it answers such a request; `None`: none was asked.
    Read(Option<RequestKind>),
    /// Nothing is understood any more: pass on what comes.
    Unread,
    /// A request was refused, and all before it are answered.
    Stop,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// The request side has something to see.
    answered: Notify,
    /// The response side has something to see.
    asked: Notify,
    /// A request was refused.
    refused: Notify,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<RequestKind>,
    granted: Option<Granted>,
    refusal: Option<Refusal>,
    /// The client can be told of the refusal: no answer is under way.
    tellable: bool,
    unread: bool,
    unframed: bool,
}

impl Pending {
    /// Waits for room, and takes it for one more request.
    pub(super) async fn push(&self, kind: RequestKind) {
        loop {
            {
                let mut state = self.state();
                if state.requests.len() < MAX_PIPELINE {
                    state.requests.push_back(kind);
                    state.granted = None;
                    break;
                }
            }
            self.answered.notified().await;
        }
        self.asked.notify_one();
    }

    /// Waits for the answer to the last request, which is an upgrade or `CONNECT`.
    pub(super) async fn granted(&self) -> Granted {
        loop {
            let granted = self.state().granted;
            match granted {
                Some(granted) => return granted,
                None => self.answered.notified().await,
            }
        }
    }

    /// The request side has refused.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state().refusal = Some(refusal);
        self.asked.notify_one();
        self.refused.notify_one();
    }

    /// Nothing that the client sends is read from here on.
    pub(super) fn unread(&self) {
        self.state().unread = true;
        self.asked.notify_one();
    }

    /// What to do at the boundary between two responses.
    pub(super) fn turn(&self) -> Turn {
        let mut state = self.state();
        // A request that was refused in its middle is the last that waits.
        let left = |refusal: &Refusal| usize::from(!refusal.whole);
        if let Some(left) = state.refusal.as_ref().map(left)
            && state.requests.len() <= left
        {
            state.tellable = state.requests.len() == left;
            return Turn::Stop;
        }
        if state.unread {
            return Turn::Unread;
        }
        Turn::Read(state.requests.front().copied())
    }

    /// Waits until the request side has done something.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Waits until a request is refused.
    pub(super) async fn refused(&self) {
        self.refused.notified().await;
    }

    /// The first request that waited has its answer.
    pub(super) fn answer(&self, granted: Granted) {
        let mut state = self.state();
        if let Some(RequestKind::Connect(_) | RequestKind::Upgrade(_)) = state.requests.pop_front()
        {
            state.granted = Some(granted);
        }
        drop(state);
        self.answered.notify_one();
    }

    /// The client can be told of a refusal now.
    pub(super) fn tell(&self) {
        self.state().tellable = true;
    }

    /// A response has no certain end.
    pub(super) fn unframed(&self) {
        self.state().unframed = true;
    }

    pub(super) fn is_unframed(&self) -> bool {
        self.state().unframed
    }

    /// The refusal, and how the client can be told of it, if it can.
    pub(super) fn refusal(&self) -> Option<(Refusal, Option<Telling>)> {
        let state = self.state();
        let refusal = state.refusal.clone()?;
        let telling = state.tellable.then_some(refusal.telling);
        Some((refusal, telling))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
