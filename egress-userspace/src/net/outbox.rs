//! Small messages that gather while what is ready is looked at, and go out together.
//!
//! Who gets a message is woken, and on a machine with few cores that takes the core from the gateway, once for each
//! call that sends. Sent with one call, many messages cost that once.

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::Once;
use std::task::Waker;

use bytes::Bytes;
use nix::sys::socket::{MsgFlags, send};
use tracing::warn;

use super::places::Name;
use super::sys::ring::Ring;

/// Messages that gather at most: as many as events are taken with one call.
const MESSAGES: u32 = 128;

/// Bytes that gather at most: they are sent while the processor's second-level cache still has them.
const BYTES: usize = 64 * 1024;

/// The longest message that waits for others: to copy it costs some hundred nanoseconds, to send it some microseconds.
pub(super) const LONGEST: usize = 4 * 1024;

/// What gathers on a thread.
#[derive(Debug)]
pub(super) struct Outbox {
    /// `None`: the kernel does not let it, and each message is sent by itself.
    ring: Option<Ring>,
    bytes: Vec<u8>,
    messages: Vec<Message>,
    /// What became of those that the ring has sent: here, so that the memory is kept.
    results: Vec<Option<io::Result<usize>>>,
    /// Sends them when woken.
    carrier: Waker,
}

#[derive(Debug)]
struct Message {
    name: Name,
    socket: RawFd,
    bytes: Range<usize>,
}

/// What of a message could not be sent, and why.
#[derive(Debug)]
pub struct Unsent {
    /// Those that were not sent.
    pub bytes: Bytes,
    /// `None`: there was no room.
    pub error: Option<io::Error>,
}

/// Whether messages can gather. Fails with the kernel's reason if not.
pub fn can_gather() -> io::Result<()> {
    Ring::new(MESSAGES).map(drop)
}

impl Outbox {
    /// Nothing gathers where the kernel does not let it.
    pub(super) fn new() -> Self {
        Self {
            ring: Ring::new(MESSAGES).inspect_err(alone).ok(),
            bytes: Vec::new(),
            messages: Vec::new(),
            results: Vec::new(),
            carrier: Waker::noop().clone(),
        }
    }

    /// Whether a message is one that may wait for others.
    pub(super) fn takes(&self, message: &[u8]) -> bool {
        self.ring.is_some() && message.len() <= LONGEST
    }

    /// Whether there is room for a message before the others are sent.
    pub(super) fn has_room(&self, message: &[u8]) -> bool {
        self.bytes.len() + message.len() <= BYTES && self.messages.len() < MESSAGES as usize
    }

    /// Takes a message that there is room for. Gives who is to be woken, to send it with those that come after it.
    pub(super) fn take(&mut self, name: Name, socket: RawFd, message: &[u8]) -> Option<Waker> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(message);
        let is_first = self.messages.is_empty();
        self.messages.push(Message {
            name,
            socket,
            bytes: begin..self.bytes.len(),
        });
        is_first.then(|| self.carrier.clone())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Has `carrier` be woken with each message.
    pub(super) fn set_carrier(&mut self, carrier: &Waker) {
        self.carrier.clone_from(carrier);
    }

    /// Sends what has gathered. Tells of each message what of it could not be sent.
    pub(super) fn send(&mut self, mut tell: impl FnMut(Name, Option<Unsent>)) {
        let (messages, bytes, results) = (&self.messages, &self.bytes, &mut self.results);
        results.extend(messages.iter().map(|_| None));
        // One alone costs less without the ring.
        if messages.len() > 1
            && let Some(ring) = self.ring.take()
        {
            let each = messages.iter().map(|each| (each.socket, each.of(bytes)));
            let ring = ring.send(each, |number, sent| {
                if let Some(place) = results.get_mut(number) {
                    *place = Some(sent).filter(|sent| !is_rings_own(sent));
                }
            });
            // If it fails, they are sent one by one, and none gathers any more.
            self.ring = ring.inspect_err(alone).ok();
        }
        for (message, sent) in messages.iter().zip(results.drain(..)) {
            let sent = sent.unwrap_or_else(|| message.send(bytes));
            tell(message.name, message.unsent(bytes, sent));
        }
        self.messages.clear();
        self.bytes.clear();
    }
}

/// Says, once, that messages do not gather.
fn alone(error: &io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| warn!(%error, "short messages are sent one by one, without io_uring"));
}

/// Whether a message failed for want of what the ring needs for it: its socket may take it all the same.
fn is_rings_own(sent: &io::Result<usize>) -> bool {
    matches!(sent, Err(error) if error.kind() == io::ErrorKind::OutOfMemory)
}

impl Message {
    fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.bytes.clone()).unwrap_or_default()
    }

    /// Sends it by itself.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        Ok(send(self.socket, self.of(bytes), flags)?)
    }

    fn unsent(&self, bytes: &[u8], sent: io::Result<usize>) -> Option<Unsent> {
        let (sent, error) = match sent {
            Ok(sent) => (sent, None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, None),
            Err(error) => (0, Some(error)),
        };
        let rest = self.of(bytes).get(sent..).unwrap_or_default();
        (!rest.is_empty()).then(|| Unsent {
            bytes: Bytes::copy_from_slice(rest),
            error,
        })
    }
}

#[cfg(test)]
mod tests;
