//! What the sockets of one thread wait on: an `epoll` of their own, in place of the runtime's.
//!
//! A socket has one place in a table here, of 48 bytes, where the runtime has a quarter of a KiB on the heap for
//! each; and it is closed without being taken out first, which the kernel does by itself (epoll(7),
//! question 6). The runtime waits for this `epoll` as for one socket more, and a task of its own passes on
//! what it tells.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::error;

use super::alarm::Clock;
use super::places::{Name, Places, Socket};
use super::readiness::{Readiness, Wait};

/// Events that are taken with one call: more than are ready at once but in a flood.
const EVENTS: usize = 128;

/// Places that are looked at in one go for alarms that are due: some ten microseconds.
const RUNG_AT_ONCE: usize = 4096;

/// Calls in one go. Then other tasks of the thread have their turn.
const CALLS: usize = 4;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Poller>>> = const { RefCell::new(None) };
}

/// An `epoll`, and who waits for what on it.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: Epoll,
    places: Mutex<Places>,
    clock: Clock,
    /// There is somebody who passes on what the `epoll` tells.
    driven: AtomicBool,
}

/// A socket's place, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    poller: Arc<Poller>,
    name: Name,
}

/// Passes on what the `epoll` tells until it is dropped, with its runtime at the latest.
struct Driver(Arc<Poller>);

/// Makes what the sockets of this thread wait on, if there is none yet: the first socket would else.
pub fn prepare() -> io::Result<()> {
    Poller::current().map(drop)
}

/// Wakes who waits for what has happened to the sockets of this thread by now: for a task that gives way to them,
/// and would else be polled again before they are.
pub fn look_around() {
    let here = CURRENT.with_borrow(Option::clone);
    if let Some(poller) = here {
        // That nothing is left is no error, and another the driver meets too.
        let _ = poller.turn();
    }
}

impl Poller {
    /// That of this thread, made where there is none. Fails outside of a runtime, and where there are no
    /// descriptors.
    pub(super) fn current() -> io::Result<Arc<Self>> {
        CURRENT.with_borrow_mut(|current| match current {
            Some(poller) if poller.driven.load(Ordering::Relaxed) => Ok(Arc::clone(poller)),
            _ => {
                let poller = Self::start()?;
                *current = Some(Arc::clone(&poller));
                Ok(poller)
            }
        })
    }

    fn start() -> io::Result<Arc<Self>> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let poller = Arc::new(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            places: Mutex::default(),
            clock: Clock::new(),
            driven: AtomicBool::new(true),
        });
        // As a stream it is waited for in the same way, and calls of its own can be made on it.
        let news = std::net::TcpStream::from(poller.epoll.0.as_fd().try_clone_to_owned()?);
        news.set_nonblocking(true)?;
        let news = TcpStream::from_std(news)?;
        runtime.spawn(Arc::clone(&poller).ring());
        let driver = Driver(Arc::clone(&poller));
        runtime.spawn(async move {
            if let Err(error) = driver.run(&news).await {
                error!(%error, "connections of a thread are not heard of any more");
            }
        });
        Ok(poller)
    }

    /// Takes a socket in. Nobody else may have its descriptor.
    ///
    /// Of one that has just been `connected` it is known that there is room to write, and the kernel is asked to tell
    /// of more only where that was not enough: a word less for most.
    pub(super) fn take_in(
        self: &Arc<Self>,
        socket: &impl AsFd,
        connected: bool,
    ) -> io::Result<Place> {
        let readiness = if connected {
            Readiness::CONNECTED
        } else {
            Readiness::UNKNOWN
        };
        let name = self.places().give(readiness, !connected);
        let place = Place {
            poller: Arc::clone(self),
            name: name.ok_or(ErrorKind::OutOfMemory)?,
        };
        self.epoll.add(socket, place.event(!connected))?;
        Ok(place)
    }

    /// Passes on what has happened, without waiting for it. `WouldBlock`: that was all.
    fn turn(&self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        for _ in 0..CALLS {
            let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Err(Errno::EINTR) => continue,
                count => count?,
            };
            for event in events.iter().take(count) {
                self.tell(event);
            }
            if count < EVENTS {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        Ok(())
    }

    fn tell(&self, event: &EpollEvent) {
        // What is told of a socket that is gone by now is nothing to the one in its place.
        let mut places = self.places();
        let socket = places.of(event.data().into());
        let woken = socket.map(|socket| socket.tell(event.events()));
        // Whoever is woken may want the table.
        drop(places);
        woken.into_iter().flatten().flatten().for_each(Waker::wake);
    }

    /// Has those look again whose alarms are due, for ever. Without an alarm it sleeps.
    async fn ring(self: Arc<Self>) {
        loop {
            self.clock.wanted().await;
            while self.places().has_alarms() {
                let now = self.clock.tick().await;
                let mut next = Some(0);
                while let Some(first) = next {
                    let (woken, left) = self.places().ring(first, RUNG_AT_ONCE, now);
                    woken.into_iter().for_each(Waker::wake);
                    next = left;
                    yield_now().await;
                }
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
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
        let result = attempt();
        if let Err(error) = &result
            && error.kind() == ErrorKind::WouldBlock
        {
            let is_deaf = self.with(|socket| {
                socket.readiness.clear(wait, known.seen());
                wait == Wait::Write && !std::mem::replace(&mut socket.hears_of_room, true)
            });
            if is_deaf == Some(true) {
                // It is looked at anew: room that has come in between is told of.
                self.poller.epoll.modify(socket, &mut self.event(true))?;
            }
        }
        result
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

    fn with<T>(&self, look: impl FnOnce(&mut Socket) -> T) -> Option<T> {
        self.poller.places().of(self.name).map(look)
    }

    /// What the kernel is to tell, and of whom.
    fn event(&self, room: bool) -> EpollEvent {
        let mut events = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        events.set(EpollFlags::EPOLLOUT, room);
        EpollEvent::new(events, self.name.into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = self.poller.places().take(self.name);
        // What drops with it may want the table, which is let go of by now.
        drop(gone);
    }
}

impl Driver {
    async fn run(self, news: &TcpStream) -> io::Result<()> {
        loop {
            news.readable().await?;
            match news.try_io(Interest::READABLE, || self.0.turn()) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.driven.store(false, Ordering::Relaxed);
    }
}
