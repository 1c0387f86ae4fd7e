//! What the sockets of one thread wait on: an `epoll` of their own, in place of the runtime's.
//!
//! A socket has one place in a table here, of some sixty bytes, where the runtime has a quarter of a KiB on the
//! heap for each; and it is closed without being taken out first, which the kernel does by itself (epoll(7),
//! question 6). The runtime waits for this `epoll` as for one socket more, and a task of its own passes on
//! what it tells.

use std::array;
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use slab::Slab;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::error;

use super::alarm::{Alarm, Clock};
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

#[derive(Debug, Default)]
struct Places {
    sockets: Slab<Socket>,
    /// Given out so far: what tells a socket from the one that had its place before.
    given: u32,
    /// Sockets that have an alarm set.
    alarms: usize,
}

/// What is known of a socket, and who waits for it.
#[derive(Debug)]
struct Socket {
    number: u32,
    readiness: Readiness,
    alarm: Option<Alarm>,
    /// For each [`Wait`], who came last.
    waiting: [Option<Waker>; Wait::ALL.len()],
}

/// A socket's place, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    poller: Arc<Poller>,
    index: u32,
    number: u32,
}

/// Passes on what the `epoll` tells until it is dropped, with its runtime at the latest.
struct Driver(Arc<Poller>);

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

    /// Takes a socket in, of which nothing is known yet. Nobody else may have its descriptor.
    pub(super) fn take_in(self: &Arc<Self>, socket: &impl AsFd) -> io::Result<Place> {
        let place = self.place()?;
        let events = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        self.epoll
            .add(socket, EpollEvent::new(events, place.name()))?;
        Ok(place)
    }

    fn place(self: &Arc<Self>) -> io::Result<Place> {
        let mut places = self.places();
        let number = places.given;
        places.given = number.wrapping_add(1);
        let index = places.sockets.vacant_key();
        let index = u32::try_from(index).map_err(io::Error::other)?;
        places.sockets.insert(Socket {
            number,
            readiness: Readiness::default(),
            alarm: None,
            waiting: [const { None }; _],
        });
        Ok(Place {
            poller: Arc::clone(self),
            index,
            number,
        })
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
        let (index, number) = named(event.data());
        let mut places = self.places();
        // What is told of a socket that is gone by now is nothing to the one in its place.
        let Some(socket) = places.of(index, number) else {
            return;
        };
        socket.readiness.tell(event.events());
        let readiness = socket.readiness;
        let mut waiting = Wait::ALL.into_iter().zip(&mut socket.waiting);
        let woken: [_; Wait::ALL.len()] = array::from_fn(|_| {
            let (wait, waker) = waiting.next()?;
            waker.take_if(|_| readiness.is_ready(wait))
        });
        // Whoever is woken may want the table.
        drop(places);
        woken.into_iter().flatten().for_each(Waker::wake);
    }

    /// Has those look again whose alarms are due, for ever. Without an alarm it sleeps.
    async fn ring(self: Arc<Self>) {
        loop {
            self.clock.wanted().await;
            while self.places().alarms > 0 {
                let now = self.clock.tick().await;
                let mut next = Some(0);
                while let Some(first) = next {
                    next = self.ring_from(first, now);
                    yield_now().await;
                }
            }
        }
    }

    /// The same, for as many places as may be looked at in one go; gives the first of those that are left.
    fn ring_from(&self, first: usize, now: Alarm) -> Option<usize> {
        let mut places = self.places();
        let (end, places_end) = (first + RUNG_AT_ONCE, places.sockets.capacity());
        let mut woken = Vec::new();
        for index in first..end.min(places_end) {
            if let Some(socket) = places.sockets.get_mut(index)
                && socket.alarm.take_if(|alarm| *alarm <= now).is_some()
            {
                woken.extend(socket.waiting.iter_mut().filter_map(Option::take));
                places.alarms -= 1;
            }
        }
        drop(places);
        woken.into_iter().for_each(Waker::wake);
        (end < places_end).then_some(end)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// The socket with this number, if it is still there.
    fn of(&mut self, index: u32, number: u32) -> Option<&mut Socket> {
        let socket = self.sockets.get_mut(index as usize)?;
        (socket.number == number).then_some(socket)
    }
}

impl Place {
    /// Ready when the socket is, as far as it is known. Of those who wait for the same, the last is woken.
    pub(super) fn poll_ready(&self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        let mut places = self.poller.places();
        let Some(socket) = places.of(self.index, self.number) else {
            return Poll::Ready(());
        };
        if socket.readiness.is_ready(wait) {
            return Poll::Ready(());
        }
        let [read, write, failure] = &mut socket.waiting;
        let waiting = match wait {
            Wait::Read => read,
            Wait::Write => write,
            Wait::Failure => failure,
        };
        let before = match waiting {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => waiting.replace(cx.waker().clone()),
        };
        // What drops with it may want the table.
        drop(places);
        drop(before);
        Poll::Pending
    }

    /// Makes an attempt if the socket is ready for it, as far as it is known. Where it would have blocked, the socket
    /// is not ready until more is heard of it.
    pub(super) fn attempt<T>(
        &self,
        wait: Wait,
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
            self.with(|socket| socket.readiness.clear(wait, known.seen()));
        }
        result
    }

    /// Has whoever waits for the socket then look again at `when`, or a tick of [`Clock`] later. It replaces what
    /// was set before.
    pub(super) fn set_alarm(&self, when: Instant) {
        let alarm = self.poller.clock.at(when);
        let mut places = self.poller.places();
        let Some(socket) = places.of(self.index, self.number) else {
            return;
        };
        if socket.alarm.replace(alarm).is_none() {
            places.alarms += 1;
            self.poller.clock.want();
        }
    }

    /// Whether an alarm is set that has not rung.
    pub(super) fn has_alarm(&self) -> bool {
        self.with(|socket| socket.alarm.is_some()).unwrap_or(false)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Socket) -> T) -> Option<T> {
        self.poller.places().of(self.index, self.number).map(look)
    }

    /// As the kernel is told it.
    fn name(&self) -> u64 {
        u64::from(self.index) << u32::BITS | u64::from(self.number)
    }
}

/// Index and number in a name.
fn named(name: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    ((name >> u32::BITS) as u32, name as u32)
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody waits any more: a task that did has let go of the socket.
        let mut places = self.poller.places();
        if places.of(self.index, self.number).is_some() {
            let socket = places.sockets.remove(self.index as usize);
            places.alarms -= usize::from(socket.alarm.is_some());
            drop(places);
            drop(socket);
        }
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
