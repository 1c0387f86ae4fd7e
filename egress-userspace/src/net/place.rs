//! A socket's place in the table of its thread: what it is waited for by, and sends by.

use std::io::{self, ErrorKind};
use std::mem::replace;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use nix::sys::epoll::{EpollEvent, EpollFlags};
use tokio::time::Instant;

use super::outbox::Unsent;
use super::places::{Name, Posted, Socket};
use super::poller::Poller;
use super::readiness::{Readiness, Wait};

/// A socket's place, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    poller: Arc<Poller>,
    name: Name,
}

impl Place {
    /// Takes a socket in on the current thread. Nobody else may have its descriptor.
    ///
    /// Of one that has just been `connected` it is known that there is room to write, and the kernel is asked to tell
    /// of more only where that was not enough: a word less for most.
    pub(super) fn take(socket: &impl AsFd, connected: bool) -> io::Result<Self> {
        let readiness = if connected {
            Readiness::CONNECTED
        } else {
            Readiness::UNKNOWN
        };
        let poller = Poller::current()?;
        let name = poller.places().give(readiness, !connected);
        let place = Self {
            poller,
            name: name.ok_or(ErrorKind::OutOfMemory)?,
        };
        place.poller.epoll.add(socket, place.event(!connected))?;
        Ok(place)
    }

    /// Ready when the socket is, as far as it is known. Of those who wait for the same, the last is woken; who waits
    /// for a failure does not wait to read.
    pub(super) fn poll_ready(&self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        let mut places = self.poller.places();
        let Some(socket) = places
            .of(self.name)
            .filter(|socket| !socket.readiness.is_ready(wait))
        else {
            return Poll::Ready(());
        };
        let before = socket.wait(wait, cx.waker());
        // What drops with it may want the table.
        drop(places);
        drop(before);
        Poll::Pending
    }

    /// Makes an attempt if `socket`, whose place it is, is ready for it, as far as it is known. Where it would have
    /// blocked, the socket is not ready until more is heard of it.
    pub(super) fn attempt<T>(
        &self,
        wait: Wait,
        socket: BorrowedFd<'_>,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let known = self.with(|socket| socket.readiness);
        let Some(known) = known.filter(|known| known.is_ready(wait)) else {
            return Err(ErrorKind::WouldBlock.into());
        };
        debug_assert!(
            wait != Wait::Write || self.with(|socket| socket.posted) != Some(Posted::Waiting),
            "what was posted goes first"
        );
        let result = attempt();
        if let Err(error) = &result
            && error.kind() == ErrorKind::WouldBlock
        {
            let is_deaf = self.with(|socket| {
                socket.readiness.clear(wait, known.seen());
                wait == Wait::Write && !replace(&mut socket.hears_of_room, true)
            });
            if is_deaf == Some(true) {
                // It is looked at anew: room that has come in between is told of.
                self.poller.epoll.modify(socket, &mut self.event(true))?;
            }
        }
        result
    }

    /// Whether what there is to be read is all that will be, as far as it is known.
    pub(super) fn has_ended(&self) -> bool {
        self.with(|socket| socket.readiness.has_ended())
            .unwrap_or(false)
    }

    /// Has whoever waits for the socket then look again at `when`, or a tick of [`Clock`] later. It replaces what
    /// was set before.
    pub(super) fn set_alarm(&self, when: Instant) {
        let alarm = self.poller.clock.at(when);
        if self.poller.places().set_alarm(self.name, alarm) {
            self.poller.clock.want();
        }
    }

    /// Whether an alarm is set that has not rung.
    pub(super) fn has_alarm(&self) -> bool {
        self.with(|socket| socket.has_alarm()).unwrap_or(false)
    }

    /// Takes a message for `socket`, whose place it is, to send it together with others; false: it is to be sent by
    /// itself.
    pub(super) fn post(&self, socket: BorrowedFd<'_>, message: &[u8]) -> bool {
        let Some(mut outbox) = self.poller.outbox_for(message) else {
            return false;
        };
        let mut places = self.poller.places();
        let Some(place) = places.of(self.name).filter(|place| place.may_post()) else {
            return false;
        };
        place.posted = Posted::Waiting;
        let carrier = outbox.take(self.name, socket.as_raw_fd(), message);
        drop((places, outbox));
        if let Some(carrier) = carrier {
            carrier.wake();
        }
        true
    }

    /// Ready when no message waits to be sent together with others. Who waits is woken only if it could not be sent as a
    /// whole.
    pub(super) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut places = self.poller.places();
        let Some(socket) = places
            .of(self.name)
            .filter(|socket| socket.posted == Posted::Waiting)
        else {
            return Poll::Ready(());
        };
        let before = socket.wait(Wait::Write, cx.waker());
        drop(places);
        drop(before);
        Poll::Pending
    }

    /// What of a message that was to be sent together with others could not be. If it waits still, it is sent now.
    pub(super) fn take_unsent(&self) -> Option<Unsent> {
        self.poller.places_without(self.name).take_unsent(self.name)
    }

    /// What `look` has to say of why a message that was to be sent together with others failed.
    pub(super) fn send_error<T>(&self, look: impl FnOnce(&io::Error) -> T) -> Option<T> {
        self.poller.places().send_error(self.name).map(look)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Socket) -> T) -> Option<T> {
        self.poller.places().of(self.name).map(look)
    }

    /// What the kernel is to tell, and of whom.
    fn event(&self, room: bool) -> EpollEvent {
        let mut events = EpollFlags::EPOLLIN | EpollFlags::EPOLLPRI | EpollFlags::EPOLLRDHUP;
        events.insert(EpollFlags::EPOLLET);
        events.set(EpollFlags::EPOLLOUT, room);
        EpollEvent::new(events, self.name.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What waits to be sent goes first: its descriptor may be another's as soon as this is gone.
        let gone = self.poller.places_without(self.name).take(self.name);
        // What drops with it may want the table, which is let go of by now.
        drop(gone);
    }
}
