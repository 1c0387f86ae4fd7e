//! The table of a thread's sockets: what is known of each, and who waits for it.

use std::collections::HashMap;
use std::io;
use std::task::Waker;

use nix::sys::epoll::EpollFlags;
use slab::Slab;

use super::alarm::Alarm;
use super::outbox::Unsent;
use super::readiness::{Readiness, Wait};

/// The table.
#[derive(Debug, Default)]
pub(super) struct Places {
    sockets: Slab<Socket>,
    /// Given out so far: what tells a socket from the one that had its place before.
    given: u32,
    /// Sockets that have an alarm set.
    alarms: usize,
    /// What could not be sent of what had gathered: for as long as it takes to wake who it is from.
    unsent: HashMap<u32, Unsent>,
}

/// What has become of a socket's last message that was to gather with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// There is none, or it is sent.
    Nothing,
    /// It is to be sent.
    Waiting,
    /// Something of it could not be sent.
    Unsent,
}

/// Which socket it is. The kernel is told it as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    index: u32,
    number: u32,
}

/// One socket.
#[derive(Debug)]
pub(super) struct Socket {
    number: u32,
    alarm: Option<Alarm>,
    pub(super) readiness: Readiness,
    /// Whether the kernel tells of room to write.
    pub(super) hears_of_room: bool,
    pub(super) posted: Posted,
    /// Whether `reader` waits for something to read, or for a failure alone.
    awaited: Wait,
    /// Who waits to read, or for a failure: who waits for the one does not for the other.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

// There is one for each socket.
const _: () = assert!(size_of::<Socket>() == 48);

impl Places {
    /// Gives a place to a socket; `None`: there are four thousand million.
    pub(super) fn give(&mut self, readiness: Readiness, hears_of_room: bool) -> Option<Name> {
        let number = self.given;
        let index = u32::try_from(self.sockets.vacant_key()).ok()?;
        self.given = number.wrapping_add(1);
        self.sockets.insert(Socket {
            number,
            alarm: None,
            readiness,
            hears_of_room,
            posted: Posted::Nothing,
            awaited: Wait::Read,
            reader: None,
            writer: None,
        });
        Some(Name { index, number })
    }

    /// The socket with this name, if it is still there.
    pub(super) fn of(&mut self, name: Name) -> Option<&mut Socket> {
        let socket = self.sockets.get_mut(name.index as usize)?;
        (socket.number == name.number).then_some(socket)
    }

    /// Takes a socket's place from it. Whoever still waits for it is not woken.
    pub(super) fn take(&mut self, name: Name) -> Option<Socket> {
        self.of(name)?;
        let socket = self.sockets.remove(name.index as usize);
        self.alarms -= usize::from(socket.alarm.is_some());
        if socket.posted == Posted::Unsent {
            self.unsent.remove(&name.index);
        }
        Some(socket)
    }

    /// Notes that a socket's message is sent, or what of it could not be. Gives who is to look at that.
    pub(super) fn sent(&mut self, name: Name, unsent: Option<Unsent>) -> Option<Waker> {
        let socket = self.of(name)?;
        let Some(unsent) = unsent else {
            socket.posted = Posted::Nothing;
            return None;
        };
        socket.posted = Posted::Unsent;
        let writer = socket.writer.take();
        self.unsent.insert(name.index, unsent);
        writer
    }

    /// Why a socket's message could not be sent, if that was not for want of room.
    pub(super) fn send_error(&mut self, name: Name) -> Option<&io::Error> {
        let socket = self.of(name)?;
        if socket.posted != Posted::Unsent {
            return None;
        }
        self.unsent.get(&name.index)?.error.as_ref()
    }

    /// What of a socket's message could not be sent; nothing is left of that here.
    pub(super) fn take_unsent(&mut self, name: Name) -> Option<Unsent> {
        let socket = self.of(name)?;
        if socket.posted != Posted::Unsent {
            return None;
        }
        socket.posted = Posted::Nothing;
        self.unsent.remove(&name.index)
    }

    /// Sets a socket's alarm; whether it is the only one.
    pub(super) fn set_alarm(&mut self, name: Name, alarm: Alarm) -> bool {
        let Some(socket) = self.of(name) else {
            return false;
        };
        let is_new = socket.alarm.replace(alarm).is_none();
        self.alarms += usize::from(is_new);
        is_new && self.alarms == 1
    }

    /// Whether any alarm is set.
    pub(super) fn has_alarms(&self) -> bool {
        self.alarms > 0
    }

    /// Lets alarms ring that are due by `now`, of so many places from `first` on. Gives those who are to be woken, and the
    /// first of the places that are left.
    pub(super) fn ring(
        &mut self,
        first: usize,
        count: usize,
        now: Alarm,
    ) -> (Vec<Waker>, Option<usize>) {
        let (next, end) = (first + count, self.sockets.capacity());
        let mut woken = Vec::new();
        for index in first..next.min(end) {
            if let Some(socket) = self.sockets.get_mut(index)
                && socket.alarm.take_if(|alarm| *alarm <= now).is_some()
            {
                woken.extend(socket.reader.take());
                woken.extend(socket.writer.take());
                self.alarms -= 1;
            }
        }
        (woken, (next < end).then_some(next))
    }
}

impl Socket {
    /// Whether an alarm is set that has not rung.
    pub(super) fn has_alarm(&self) -> bool {
        self.alarm.is_some()
    }

    /// Whether a message may be posted: there is room for it, as far as it is known, and none before it.
    pub(super) fn may_post(&self) -> bool {
        self.posted == Posted::Nothing && self.readiness.is_ready(Wait::Write)
    }

    /// Has somebody be woken when the socket is ready. Gives who waited for the same before.
    pub(super) fn wait(&mut self, wait: Wait, waker: &Waker) -> Option<Waker> {
        let waiting = match wait {
            Wait::Write => &mut self.writer,
            Wait::Read => {
                self.awaited = wait;
                &mut self.reader
            }
            Wait::Failure => {
                // Who was left waiting to read is woken too often rather than never.
                if self.reader.is_none() {
                    self.awaited = wait;
                }
                &mut self.reader
            }
        };
        match waiting {
            Some(before) if before.will_wake(waker) => None,
            _ => waiting.replace(waker.clone()),
        }
    }

    /// Takes in what the kernel tells. Gives those who are to be woken.
    pub(super) fn tell(&mut self, events: EpollFlags) -> [Option<Waker>; 2] {
        self.readiness.tell(events);
        let (readiness, awaited) = (self.readiness, self.awaited);
        [
            self.reader.take_if(|_| readiness.is_ready(awaited)),
            self.writer.take_if(|_| readiness.is_ready(Wait::Write)),
        ]
    }
}

impl From<Name> for u64 {
    fn from(Name { index, number }: Name) -> Self {
        Self::from(index) << u32::BITS | Self::from(number)
    }
}

impl From<u64> for Name {
    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    fn from(name: u64) -> Self {
        Self {
            index: (name >> u32::BITS) as u32,
            number: name as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::alarm::{Clock, TICK};
    use super::super::wakes::Wakes;
    use super::*;

    fn new(places: &mut Places) -> Name {
        places.give(Readiness::UNKNOWN, true).expect("a place")
    }

    fn tell(places: &mut Places, name: Name, events: EpollFlags) {
        if let Some(socket) = places.of(name) {
            socket
                .tell(events)
                .into_iter()
                .flatten()
                .for_each(Waker::wake);
        }
    }

    #[test]
    fn each_hears_of_what_it_waits_for_and_once() {
        let mut places = Places::default();
        let name = new(&mut places);
        let ((reader, read), (writer, write)) = (Wakes::none(), Wakes::none());
        let socket = places.of(name).expect("it is there");
        assert!(socket.wait(Wait::Read, &read).is_none());
        assert!(socket.wait(Wait::Write, &write).is_none());
        tell(&mut places, name, EpollFlags::EPOLLIN);
        tell(&mut places, name, EpollFlags::EPOLLIN);
        assert_eq!((reader.count(), writer.count()), (1, 0));
        tell(&mut places, name, EpollFlags::EPOLLOUT);
        assert_eq!((reader.count(), writer.count()), (1, 1));
    }

    #[test]
    fn who_waits_for_a_failure_does_not_hear_of_data() {
        let mut places = Places::default();
        let name = new(&mut places);
        let (watcher, watch) = Wakes::none();
        let socket = places.of(name).expect("it is there");
        socket.wait(Wait::Failure, &watch);
        tell(&mut places, name, EpollFlags::EPOLLIN);
        assert_eq!(watcher.count(), 0);
        tell(
            &mut places,
            name,
            EpollFlags::EPOLLIN | EpollFlags::EPOLLERR,
        );
        assert_eq!(watcher.count(), 1);
    }

    #[test]
    fn who_waits_to_read_is_not_forgotten_for_one_who_waits_for_a_failure() {
        let mut places = Places::default();
        let name = new(&mut places);
        let (task, waker) = Wakes::none();
        let socket = places.of(name).expect("it is there");
        socket.wait(Wait::Read, &waker);
        socket.wait(Wait::Failure, &waker);
        tell(&mut places, name, EpollFlags::EPOLLIN);
        assert_eq!(task.count(), 1);
    }

    #[test]
    fn what_is_told_of_one_that_is_gone_is_nothing_to_the_next_in_its_place() {
        let mut places = Places::default();
        let gone = new(&mut places);
        places.take(gone).expect("it was there");
        assert!(places.take(gone).is_none());
        let next = new(&mut places);
        assert_eq!(
            (next.index, Name::from(u64::from(next))),
            (gone.index, next)
        );
        let (reader, read) = Wakes::none();
        places.of(next).expect("it").wait(Wait::Read, &read);
        tell(&mut places, gone, EpollFlags::EPOLLIN);
        assert_eq!(reader.count(), 0);
        let socket = places.of(next).expect("it is there");
        assert!(!socket.readiness.is_ready(Wait::Read));
    }

    #[test]
    fn alarms_ring_once_when_they_are_due_in_slices_of_the_table() {
        let mut places = Places::default();
        let clock = Clock::new();
        let in_ticks = |ticks| clock.at(Instant::now() + ticks * TICK);
        let (early, late) = (in_ticks(1), in_ticks(1000));
        let (sleeper, sleep) = Wakes::none();
        let names: Vec<_> = (0..10).map(|_| new(&mut places)).collect();
        for (index, name) in names.iter().enumerate() {
            places.of(*name).expect("it").wait(Wait::Read, &sleep);
            let alarm = if index % 2 == 0 { early } else { late };
            assert_eq!(places.set_alarm(*name, alarm), index == 0);
        }
        let now = in_ticks(2);
        let (mut next, mut slices) = (Some(0), 0);
        while let Some(first) = next {
            let (rung, left) = places.ring(first, 4, now);
            rung.into_iter().for_each(Waker::wake);
            (next, slices) = (left, slices + 1);
        }
        assert!(slices >= 3, "{slices}");
        assert_eq!(sleeper.count(), 5);
        assert!(places.has_alarms());
        // Gone with their sockets.
        for name in names {
            places.take(name);
        }
        assert!(!places.has_alarms());
    }
}
