//! What the programs decide by themselves, read from the ring buffer.

use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use egress_common::{Denied, Event, Task};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::types::{Caller, DenyReason};

use super::Origin;
use super::caller::Callers;
use super::origins::destination;

/// How often the ring is read: the programs do not wake the reader for an event, which would cost
/// twenty times the event.
const PACE: Duration = Duration::from_millis(50);
/// Events read each time: 10,000 a second take a tenth of a core. A process can be refused a hundred
/// thousand times a second, and connections must not wait for the log of that: the ring keeps 14,000
/// events, and what finds no room in it is counted as lost.
const BATCH: usize = 512;

/// The reader of the ring buffer.
pub struct Events {
    ring: RingBuf<MapData>,
    pace: Pace,
    callers: Arc<Callers>,
    last: Option<Last>,
}

/// The task of the event before. What is asked about it is what it is now, at the look at the ring, and so the same
/// for all of its events that are met at that look.
struct Last {
    look: u64,
    task: Task,
    caller: Caller,
}

/// What the programs decided by themselves.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What it was.
    pub ruling: Ruling,
    /// Where it was going, and who opened it.
    pub origin: Origin,
}

/// What the programs did with a connection or a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It goes straight to its destination.
    Passed,
    /// It goes on although nobody judged it.
    Tolerated(DenyReason),
    /// It was refused.
    Refused(DenyReason),
}

impl Events {
    pub(super) fn new(ring: RingBuf<MapData>, callers: Arc<Callers>) -> Self {
        Self {
            ring,
            pace: Pace::new(),
            callers,
            last: None,
        }
    }

    /// The next decision; waits until there is one.
    pub async fn next(&mut self) -> Decision {
        let Self {
            ring,
            pace,
            callers,
            last,
        } = self;
        pace.next(|look| read(ring, |task| caller_of(task, look, last, callers)))
            .await
    }
}

/// The caller that a task is, by the same look at the ring or by a new one at the task.
fn caller_of(task: &Task, look: u64, last: &mut Option<Last>, callers: &Callers) -> Caller {
    let is_same = |last: &&Last| last.look == look && last.task == *task;
    if let Some(last) = last.as_ref().filter(is_same) {
        return last.caller.clone();
    }
    let caller = callers.describe(task);
    *last = Some(Last {
        look,
        task: *task,
        caller: caller.clone(),
    });
    caller
}

fn read(
    ring: &mut RingBuf<MapData>,
    mut caller_of: impl FnMut(&Task) -> Caller,
) -> Option<Decision> {
    while let Some(record) = ring.next() {
        // The version check at load leaves no other records than these.
        let Some(event) = Event::parse(&record) else {
            continue;
        };
        if let Some(ruling) = ruling(&event) {
            return Some(Decision {
                ruling,
                origin: Origin {
                    dst: destination(event.origin()),
                    caller: caller_of(event.origin().task()),
                },
            });
        }
    }
    None
}

/// When to look for the next item of a source that tells nobody of it.
struct Pace {
    ticks: Interval,
    /// Items until the next tick.
    left: usize,
    /// Ticks so far.
    looks: u64,
}

impl Pace {
    fn new() -> Self {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ticks,
            left: 0,
            looks: 0,
        }
    }

    /// `read` is told which look it is.
    async fn next<T>(&mut self, mut read: impl FnMut(u64) -> Option<T>) -> T {
        loop {
            if self.left > 0
                && let Some(item) = read(self.looks)
            {
                self.left -= 1;
                return item;
            }
            self.ticks.tick().await;
            self.left = BATCH;
            self.looks += 1;
        }
    }
}

/// What an event tells; `None`: nothing that this version knows.
fn ruling(event: &Event) -> Option<Ruling> {
    if event.is_passed() {
        return Some(Ruling::Passed);
    }
    if event.is_before() {
        return Some(Ruling::Tolerated(DenyReason::ConnectedBefore));
    }
    event.denied().map(reason).map(Ruling::Refused)
}

fn reason(denied: Denied) -> DenyReason {
    match denied {
        Denied::Unconfigured => DenyReason::KernelUnconfigured,
        Denied::OwnListener => DenyReason::OwnListener,
        Denied::LinkLocal => DenyReason::LinkLocal,
        Denied::NoMemory => DenyReason::KernelMemory,
        Denied::Address => DenyReason::AddressNotInRegistry,
        Denied::Datagram => DenyReason::DatagramNotInRegistry,
        Denied::Packet => DenyReason::PacketNotInRegistry,
        Denied::Socket => DenyReason::SocketKind,
        Denied::Frame => DenyReason::FrameNotInRegistry,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::Hierarchy;
    use super::*;
    use crate::types::CgroupId;

    #[test]
    fn a_task_is_looked_up_once_for_what_is_read_together() {
        let hierarchy = Hierarchy::find().expect("a cgroup v2 hierarchy");
        let callers = Callers::new(Arc::new(hierarchy), true);
        let task = |pid| Task::new(0, pid, 0, 0);
        let own = task(std::process::id());
        let known = Caller::unknown(CgroupId(7));
        let mut last = Some(Last {
            look: 1,
            task: own,
            caller: known.clone(),
        });
        let mut ask = |task, look| caller_of(&task, look, &mut last, &callers);
        assert_eq!(ask(own, 1), known);
        let anew = ask(own, 2);
        assert!(anew.exe.is_some(), "{anew:?}");
        // Ids end below 2^22.
        assert_eq!(ask(task(u32::MAX), 2).exe, None);
        assert_eq!(ask(own, 2), anew);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_runs_dry_leaves_time_for_others() {
        let mut pace = Pace::new();
        let begun = Instant::now();
        for _ in 0..BATCH {
            pace.next(|_| Some(())).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        pace.next(|_| Some(())).await;
        assert_eq!(begun.elapsed(), PACE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_to_an_empty_source_is_found_at_the_next_tick() {
        let mut pace = Pace::new();
        let begun = Instant::now();
        pace.next(|_| (!begun.elapsed().is_zero()).then_some(()))
            .await;
        assert_eq!(begun.elapsed(), PACE);
    }
}
