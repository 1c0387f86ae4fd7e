//! What is known of a socket that is told of changes only, and not of how it is (`EPOLLET`).

use nix::sys::epoll::EpollFlags;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// That there is something to read, an end or an error included.
    Read,
    /// That there is room to write, or no more use in waiting for it.
    Write,
    /// That it has failed.
    Failure,
}

/// What a socket is ready for, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    /// Of [`EpollFlags`], those that matter here, all of which fit.
    told: u16,
    /// How often something was told, as far as it matters: see [`clear`](Self::clear).
    news: u16,
}

/// Until when something was known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(u16);

impl Wait {
    /// What tells that there is no need to wait any more, until an attempt says otherwise.
    fn event(self) -> EpollFlags {
        match self {
            Self::Read => EpollFlags::EPOLLIN,
            Self::Write => EpollFlags::EPOLLOUT,
            Self::Failure => EpollFlags::EPOLLERR,
        }
    }
}

impl Readiness {
    /// Of a socket of which nothing is known.
    pub(super) const UNKNOWN: Self = Self { told: 0, news: 0 };

    /// Of a socket that has just been connected.
    pub(super) const CONNECTED: Self = Self {
        told: bits(EpollFlags::EPOLLOUT),
        news: 0,
    };

    /// Takes in what the kernel tells.
    pub(super) fn tell(&mut self, events: EpollFlags) {
        self.told |= bits(events);
        if events.contains(EpollFlags::EPOLLERR) {
            // Whatever is attempted meets it.
            self.told |= bits(EpollFlags::EPOLLIN.union(EpollFlags::EPOLLOUT));
        }
        self.news = self.news.wrapping_add(1);
    }

    /// Whether there is no need to wait. That a side has ended does not change any more.
    pub(super) fn is_ready(self, wait: Wait) -> bool {
        let ended = match wait {
            Wait::Read => EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP,
            Wait::Write => EpollFlags::EPOLLHUP,
            Wait::Failure => EpollFlags::empty(),
        };
        self.told & bits(wait.event() | ended) != 0
    }

    /// Whether the peer's end of stream has arrived in the normal way, and nothing urgent: then what is there to be read
    /// is all that will be.
    pub(super) fn has_ended(self) -> bool {
        let unlike = EpollFlags::EPOLLPRI | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        self.told & bits(EpollFlags::EPOLLRDHUP | unlike) == bits(EpollFlags::EPOLLRDHUP)
    }

    /// Until now.
    pub(super) fn seen(self) -> Seen {
        Seen(self.news)
    }

    /// An attempt that began when so much was known would have blocked. What was told since is news that it may not
    /// have met.
    pub(super) fn clear(&mut self, wait: Wait, seen: Seen) {
        if self.news != seen.0 {
            return;
        }
        self.told &= !bits(wait.event());
    }
}

const fn bits(events: EpollFlags) -> u16 {
    let matter = EpollFlags::EPOLLIN
        .union(EpollFlags::EPOLLOUT)
        .union(EpollFlags::EPOLLPRI)
        .union(EpollFlags::EPOLLRDHUP)
        .union(EpollFlags::EPOLLHUP)
        .union(EpollFlags::EPOLLERR);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the largest is EPOLLRDHUP, 0x2000"
    )]
    let bits = events.intersection(matter).bits() as u16;
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: EpollFlags) -> Readiness {
        let mut readiness = Readiness::UNKNOWN;
        readiness.tell(events);
        readiness
    }

    fn ready(readiness: Readiness) -> [bool; 3] {
        [Wait::Read, Wait::Write, Wait::Failure].map(|wait| readiness.is_ready(wait))
    }

    #[test]
    fn of_a_new_socket_nothing_is_known_unless_it_has_just_been_connected() {
        assert_eq!(ready(Readiness::UNKNOWN), [false; 3]);
        assert_eq!(ready(Readiness::CONNECTED), [false, true, false]);
    }

    #[test]
    fn an_attempt_that_would_have_blocked_is_waited_after() {
        let mut readiness = told(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT);
        assert_eq!(ready(readiness), [true, true, false]);
        readiness.clear(Wait::Read, readiness.seen());
        assert_eq!(ready(readiness), [false, true, false]);
        readiness.clear(Wait::Write, readiness.seen());
        assert_eq!(ready(readiness), [false; 3]);
    }

    #[test]
    fn what_comes_during_an_attempt_is_not_missed() {
        let mut readiness = told(EpollFlags::EPOLLIN);
        let seen = readiness.seen();
        readiness.tell(EpollFlags::EPOLLIN);
        readiness.clear(Wait::Read, seen);
        assert!(readiness.is_ready(Wait::Read));
    }

    #[test]
    fn an_end_stays() {
        let mut readiness = told(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP);
        readiness.clear(Wait::Read, readiness.seen());
        assert_eq!(ready(readiness), [true, false, false]);
        readiness.tell(EpollFlags::EPOLLHUP);
        readiness.clear(Wait::Write, readiness.seen());
        assert_eq!(ready(readiness), [true, true, false]);
    }

    #[test]
    fn an_end_is_one_if_nothing_urgent_was_told_of_and_no_failure() {
        let end = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP;
        assert!(told(end).has_ended());
        assert!(!told(EpollFlags::EPOLLIN).has_ended());
        for unlike in [
            EpollFlags::EPOLLPRI,
            EpollFlags::EPOLLHUP,
            EpollFlags::EPOLLERR,
        ] {
            let mut readiness = told(unlike);
            readiness.tell(end);
            assert!(!readiness.has_ended(), "{unlike:?}");
        }
    }

    #[test]
    fn who_waits_for_anything_hears_of_a_failure() {
        assert_eq!(ready(told(EpollFlags::EPOLLERR)), [true; 3]);
    }
}
