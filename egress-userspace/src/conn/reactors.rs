//! The threads that connections are served on: one for each core, each with a reactor of its own.
//!
//! A connection stays on the thread that it is given to. Its sockets, its task and its timers are that
//! thread's alone, so that what happens to it wakes no other: with a runtime that shares its work among
//! threads, waking each other cost a fifth of what a short connection does.

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_util::FutureExt as _;
use tokio::runtime::{Builder, EnterGuard, Handle};

use super::arrivals::Arrivals;
use crate::net;

/// A reactor keeps what it accepts unless it has so many connections more than another: handing one over
/// costs a wake-up, or a part of one. Few are enough, for one may be bulk that fills a core.
const SLACK: usize = 1;

/// The same, for each so many connections of the other: where there are many, one more or less is no
/// matter, and short ones come and go so fast that nearly every other one would be handed over.
const SLACK_PER: usize = 4;

/// The reactors. Their threads end with the process.
#[derive(Clone, Debug)]
pub struct Reactors {
    all: Arc<[Reactor]>,
    next: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Reactor {
    runtime: Handle,
    load: Arc<Load>,
    arrivals: Arc<Arrivals>,
}

/// How many connections a reactor has.
#[derive(Debug, Default)]
struct Load(AtomicUsize);

/// One connection of a reactor, until it is dropped.
struct Share(Arc<Load>);

/// The reactor that accepts from a listener.
#[derive(Clone, Debug)]
pub struct Home {
    reactors: Reactors,
    own: usize,
}

impl Reactors {
    /// Starts so many, at least one.
    pub fn start(count: usize) -> io::Result<Self> {
        let all: io::Result<Vec<_>> = (0..count.max(1)).map(Reactor::start).collect();
        Ok(Self {
            all: all?.into(),
            next: Arc::default(),
        })
    }

    /// As many as the process may use cores.
    pub fn on_each_core() -> io::Result<Self> {
        Self::start(thread::available_parallelism()?.get())
    }

    /// The next one in turn, to accept from a listener. Alone: were there others, a connection would wake all that sleep,
    /// and one of them would take the core from its client.
    pub fn home(&self) -> Home {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Home {
            reactors: self.clone(),
            own: next % self.all.len(),
        }
    }

    /// The one that is to have a connection: `own`, unless another, chosen by chance, has fewer. Of two the
    /// better one is nearly as good as the best of all (Mitzenmacher, 2001).
    fn choose(&self, own: usize) -> Option<(usize, &Reactor)> {
        let others = self.all.len().saturating_sub(1);
        let step = if others == 0 {
            0
        } else {
            fastrand::usize(1..=others)
        };
        let other = (own + step) % self.all.len();
        let most = self.all.get(other)?.load.get();
        let is_fuller = self.all.get(own)?.load.get() > most + most / SLACK_PER + SLACK;
        let chosen = if is_fuller { other } else { own };
        Some((chosen, self.all.get(chosen)?))
    }
}

impl Home {
    /// What is made while the guard lives belongs to this reactor.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        let reactor = self.reactors.all.get(self.own)?;
        Some(reactor.runtime.enter())
    }

    /// Runs `task` on this reactor.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(reactor) = self.reactors.all.get(self.own) {
            reactor.runtime.spawn(task);
        }
    }

    /// Runs what serves a connection, on this reactor or on one that has fewer.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let Some((index, reactor)) = self.reactors.choose(self.own) else {
            return;
        };
        let share = Share::new(&reactor.load);
        let serving = connection.map(|()| drop(share));
        if index == self.own {
            reactor.runtime.spawn(serving);
        } else {
            let begin = || drop(tokio::spawn(serving));
            reactor.arrivals.push(Box::new(begin));
        }
    }
}

impl Reactor {
    fn start(index: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let arrivals = Arc::<Arrivals>::default();
        handle.spawn(Arc::clone(&arrivals).take_in());
        thread::Builder::new()
            .name(format!("reactor-{index}"))
            .spawn(move || {
                runtime.block_on(async {
                    // Its descriptors are taken now and not with the first connection. An error is met by
                    // each connection, too, and told of.
                    let _ = net::prepare();
                    pending::<()>().await;
                });
            })?;
        Ok(Self {
            runtime: handle,
            load: Arc::default(),
            arrivals,
        })
    }
}

impl Load {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Share {
    fn new(load: &Arc<Load>) -> Self {
        load.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    /// Serves one that says which thread it is on, and stays until told to end.
    async fn one(home: &Home) -> (ThreadId, oneshot::Sender<()>) {
        let (say, said) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        home.serve(async move {
            say.send(thread::current().id()).expect("somebody listens");
            ended.await.ok();
        });
        (said.await.expect("it runs"), end)
    }

    #[tokio::test]
    async fn connections_stay_at_home_until_another_has_fewer() {
        let reactors = Reactors::start(2).expect("threads");
        let home = reactors.home();
        let (own, _end) = one(&home).await;
        let mut ends = Vec::new();
        let mut at_home = 1;
        for _ in 0..100 {
            let (place, end) = one(&home).await;
            at_home += usize::from(place == own);
            ends.push(end);
        }
        // The most that it may have more than the other: 57 > 44 + 44 / 4 + 1.
        assert_eq!(at_home, 57, "of 101");
    }

    #[tokio::test]
    async fn those_that_have_ended_are_no_load() {
        let reactors = Reactors::start(1).expect("a thread");
        let home = reactors.home();
        let (_, end) = one(&home).await;
        let load = Arc::clone(&reactors.all.first().expect("one").load);
        assert_eq!(load.get(), 1);
        drop(end);
        while load.get() > 0 {
            yield_now().await;
        }
    }

    #[test]
    fn homes_are_given_in_turn() {
        let reactors = Reactors::start(3).expect("threads");
        assert_eq!([(); 4].map(|()| reactors.home().own), [0, 1, 2, 0]);
    }
}
