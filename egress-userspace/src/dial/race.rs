//! Trying several addresses and taking the first that accepts (RFC 8305, "happy eyeballs").

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::connect::AttemptError;
use super::guard::Cleared;

/// Attempts of one connection that run at once.
const MAX_RUNNING: usize = 4;
/// When no more may run, the oldest is given up after this long without an answer: its first SYN was
/// lost, for the kernel sends a second one then (RFC 6298 section 2.1).
const SYN_LOST: Duration = Duration::from_secs(1);

/// The rank of the first address.
const FIRST: usize = 0;

/// How fast addresses are tried.
#[derive(Debug)]
pub(super) struct Pace {
    /// For all attempts together.
    pub(super) timeout: Duration,
    /// How long an attempt has before the next address is tried beside it.
    pub(super) delay: Duration,
    /// What attempts beside a connection's first are taken from.
    pub(super) spare: Arc<Semaphore>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Lost {
    /// Each attempt that had a task of its own panicked, and the panic hook has told of it.
    Nowhere,
    /// None accepted in time.
    Timeout,
    /// All failed; this is the failure of the earliest, being the most wanted.
    Failed(SocketAddr, AttemptError),
}

/// Tries addresses in their order, a new one every so often and at once when one fails, and takes
/// the first that succeeds. The rest are given up. The attempt on the first has begun.
///
/// `failed` is told of each address that did not accept: it refused, was not heard of in time, or
/// was overtaken by one that was tried later.
pub(super) async fn race<T, F>(
    (addr, first): (
        SocketAddr,
        impl Future<Output = Result<T, AttemptError>> + Send + 'static,
    ),
    others: &[Cleared],
    pace: &Pace,
    attempt: impl Fn(SocketAddr) -> F,
    failed: impl Fn(SocketAddr),
) -> Result<(SocketAddr, T), Lost>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AttemptError>> + Send + 'static,
{
    let began = Instant::now();
    let deadline = began + pace.timeout;
    let ranks = FIRST + 1..FIRST + 1 + others.len();
    let mut waiting = ranks.zip(others.iter().map(|cleared| cleared.addr()));
    let due = |left: usize| match left {
        0 => deadline,
        _ => deadline.min(Instant::now() + pace.delay),
    };
    let mut earliest = Earliest(None);
    // Nearly always the first accepts before another is due: only then it takes a task of its own.
    let mut first = Box::pin(first);
    let mut running = match timeout_at(due(others.len()), &mut first).await {
        Ok(Ok(stream)) => return Ok((addr, stream)),
        Ok(Err(error)) => {
            earliest.meet(FIRST, addr, error, &failed);
            Running::default()
        }
        Err(_elapsed) => {
            let mut running = Running::default();
            running.begin(FIRST, addr, began, None, first);
            running
        }
    };
    loop {
        if Instant::now() < deadline
            && let Some(slot) = running.slot(&pace.spare)
            && let Some((rank, addr)) = waiting.next()
        {
            running.begin(rank, addr, Instant::now(), slot, attempt(addr));
        }
        match timeout_at(due(waiting.len()), running.next()).await {
            Ok(Some(Ok((rank, addr, Ok(stream))))) => {
                running.begun_before(rank).for_each(failed);
                return Ok((addr, stream));
            }
            Ok(Some(Ok((rank, addr, Err(error))))) => earliest.meet(rank, addr, error, &failed),
            // An attempt that panicked is one that failed, and the panic hook has told of it; one that
            // was given up is told of already.
            Ok(Some(Err(_))) => {}
            Ok(None) => return Err(earliest.lost()),
            Err(_elapsed) if Instant::now() >= deadline => {
                running.begun_before(usize::MAX).for_each(failed);
                return Err(Lost::Timeout);
            }
            Err(_elapsed) => {
                if let Some((rank, addr)) = running.give_up(&pace.spare) {
                    let silence = io::ErrorKind::TimedOut.into();
                    earliest.meet(rank, addr, AttemptError::Connect(silence), &failed);
                }
            }
        }
    }
}

/// The failure of the most wanted address that failed.
struct Earliest(Option<(usize, SocketAddr, AttemptError)>);

impl Earliest {
    /// Takes note of a failure, which `failed` is told of if it is the address's.
    fn meet(
        &mut self,
        rank: usize,
        addr: SocketAddr,
        error: AttemptError,
        failed: impl Fn(SocketAddr),
    ) {
        // What went wrong on this side says nothing of the address.
        if let AttemptError::Connect(_) = error {
            failed(addr);
        }
        if self.0.as_ref().is_none_or(|(first, ..)| rank < *first) {
            self.0 = Some((rank, addr, error));
        }
    }

    fn lost(self) -> Lost {
        self.0
            .map_or(Lost::Nowhere, |(_, addr, error)| Lost::Failed(addr, error))
    }
}

type Outcome<T> = (usize, SocketAddr, Result<T, AttemptError>);

/// The attempts that run, in the order in which they began.
struct Running<T> {
    tasks: JoinSet<Outcome<T>>,
    begun: VecDeque<Begun>,
}

struct Begun {
    rank: usize,
    addr: SocketAddr,
    at: Instant,
    task: AbortHandle,
}

/// Leave to run. A connection's first attempt always has it.
type Slot = Option<OwnedSemaphorePermit>;

impl<T: Send + 'static> Running<T> {
    fn slot(&self, spare: &Arc<Semaphore>) -> Option<Slot> {
        match self.begun.len() {
            0 => Some(None),
            1..MAX_RUNNING => Arc::clone(spare).try_acquire_owned().ok().map(Some),
            _ => None,
        }
    }

    fn begin(
        &mut self,
        rank: usize,
        addr: SocketAddr,
        at: Instant,
        slot: Slot,
        connecting: impl Future<Output = Result<T, AttemptError>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(async move {
            let outcome = (rank, addr, connecting.await);
            drop(slot);
            outcome
        });
        self.begun.push_back(Begun {
            rank,
            addr,
            at,
            task,
        });
    }

    /// The next that is over; `None`: none runs.
    async fn next(&mut self) -> Option<Result<Outcome<T>, JoinError>> {
        let over = self.tasks.join_next().await;
        self.begun.retain(|begun| !begun.task.is_finished());
        over
    }

    /// Where no other may begin beside them, ends the oldest if it has been silent for too long.
    fn give_up(&mut self, spare: &Arc<Semaphore>) -> Option<(usize, SocketAddr)> {
        if self.slot(spare).is_some() {
            return None;
        }
        let silent = |oldest: &mut Begun| oldest.at.elapsed() >= SYN_LOST;
        let oldest = self.begun.pop_front_if(silent)?;
        oldest.task.abort();
        Some((oldest.rank, oldest.addr))
    }

    /// The addresses that are more wanted than this one, and still silent.
    fn begun_before(&self, rank: usize) -> impl Iterator<Item = SocketAddr> {
        let before = self.begun.iter().filter(move |begun| begun.rank < rank);
        before.map(|begun| begun.addr)
    }
}

impl<T: 'static> Default for Running<T> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            begun: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests;
