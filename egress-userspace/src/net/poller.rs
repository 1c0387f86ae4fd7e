//! What the sockets of one thread wait on: an `epoll` of their own, in place of the runtime's.
//!
//! A socket has one place in a table here, of 48 bytes, where the runtime has a quarter of a KiB on the heap for
//! each; and it is closed without being taken out first, which the kernel does by itself (epoll(7),
//! question 6). The runtime waits for this `epoll` as for one socket more, and a task of its own passes on
//! what it tells.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tracing::error;

use super::alarm::Clock;
use super::outbox::Outbox;
use super::places::{Name, Places, Posted};

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
    pub(super) epoll: Epoll,
    pub(super) clock: Clock,
    places: Mutex<Places>,
    /// There is somebody who passes on what the `epoll` tells.
    driven: AtomicBool,
    outbox: Mutex<Outbox>,
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

/// Sends what has gathered on this thread by now: for who has much to do before others have their turn.
pub fn send_gathered() {
    let here = CURRENT.with_borrow(Option::clone);
    if let Some(poller) = here {
        poller.send();
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
            clock: Clock::new(),
            places: Mutex::default(),
            driven: AtomicBool::new(true),
            outbox: Mutex::new(Outbox::new()),
        });
        // As a stream it is waited for in the same way, and calls of its own can be made on it.
        let news = std::net::TcpStream::from(poller.epoll.0.as_fd().try_clone_to_owned()?);
        news.set_nonblocking(true)?;
        let news = TcpStream::from_std(news)?;
        runtime.spawn(Arc::clone(&poller).ring());
        runtime.spawn(Arc::clone(&poller).carry());
        let driver = Driver(Arc::clone(&poller));
        runtime.spawn(async move {
            if let Err(error) = driver.run(&news).await {
                error!(%error, "connections of a thread are not heard of any more");
            }
        });
        Ok(poller)
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

    /// Sends what gathers while other tasks have their turn, for ever.
    async fn carry(self: Arc<Self>) {
        poll_fn(|cx| {
            // In this order: what is posted meanwhile, on another thread, wakes it again.
            self.outbox().set_carrier(cx.waker());
            self.send();
            Poll::<()>::Pending
        })
        .await;
    }

    /// Sends what has gathered.
    fn send(&self) {
        let mut outbox = self.outbox();
        if outbox.is_empty() {
            return;
        }
        let mut places = self.places();
        let mut woken = Vec::new();
        outbox.send(|name, unsent| woken.extend(places.sent(name, unsent)));
        // Whoever is woken may want the table.
        drop((places, outbox));
        woken.into_iter().for_each(Waker::wake);
    }

    /// The table, when no message of this socket waits to be sent any more.
    pub(super) fn places_without(&self, name: Name) -> MutexGuard<'_, Places> {
        let mut places = self.places();
        if places
            .of(name)
            .is_some_and(|socket| socket.posted == Posted::Waiting)
        {
            drop(places);
            self.send();
            places = self.places();
        }
        places
    }

    /// The outbox, with room for a message; `None`: it is not one that may wait.
    pub(super) fn outbox_for(&self, message: &[u8]) -> Option<MutexGuard<'_, Outbox>> {
        let outbox = self.outbox();
        if !outbox.takes(message) {
            return None;
        }
        if outbox.has_room(message) {
            return Some(outbox);
        }
        drop(outbox);
        self.send();
        Some(self.outbox()).filter(|outbox| outbox.has_room(message))
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
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
