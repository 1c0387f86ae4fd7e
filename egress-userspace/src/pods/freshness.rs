//! How fresh what is known of pods is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long what was known of addresses holds when the API tells no more. Addresses of pods that are gone are
/// given to others at once, and the kubelet of a node that is cut off from the API has its pods replaced after
/// some minutes; a watch that is begun anew, as they all are now and then, takes seconds.
const STALE: Duration = Duration::from_mins(1);

/// What of the API is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The pods.
    Pods,
    /// The namespaces.
    Namespaces,
}

/// How each of the watches stands.
#[derive(Debug)]
pub struct Freshness(Mutex<[Standing; 2]>);

/// How one watch stands.
#[derive(Clone, Debug)]
struct Standing {
    /// Whether all was told once.
    synced: bool,
    /// Objects that it was told of and that cannot be read.
    unread: usize,
    /// Why it does not hear of changes; `None`: it does.
    trouble: Option<Box<str>>,
    /// When the one or the other began.
    since: (SystemTime, Instant),
}

/// How what is known of pods stands, the worst first: what is not there at all is worse than what is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The API has not told all yet.
    Unsynced,
    /// It was as the API has it once; what has changed since is not known.
    Stale,
    /// It is as the API has it, but for objects that cannot be read.
    Partial,
    /// It is as the API has it.
    Synced,
}

/// How it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// In one word.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// For how long.
    pub lasted: Duration,
    /// Why it is not as the API has it.
    pub trouble: Option<Box<str>>,
}

impl State {
    /// The stable label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unsynced => "unsynced",
            Self::Stale => "stale",
            Self::Partial => "partial",
            Self::Synced => "synced",
        }
    }
}

impl Default for Freshness {
    fn default() -> Self {
        let standing = Standing {
            synced: false,
            unread: 0,
            trouble: None,
            since: (SystemTime::now(), Instant::now()),
        };
        Self(Mutex::new([standing.clone(), standing]))
    }
}

impl Freshness {
    /// A watch has heard all that there was, of which so many objects are `unread`, and hears of what changes. Whether
    /// that is news.
    pub fn synced(&self, watched: Watched, unread: usize) -> bool {
        let mut standings = self.lock();
        let Some(standing) = standings.get_mut(watched as usize) else {
            return false;
        };
        let news = !standing.synced || standing.trouble.is_some() || standing.unread != unread;
        if news {
            *standing = Standing {
                synced: true,
                unread,
                trouble: None,
                since: (SystemTime::now(), Instant::now()),
            };
        }
        news
    }

    /// A watch hears of nothing. Whether it did until now, or never has been heard to fail.
    pub fn failed(&self, watched: Watched, trouble: String) -> bool {
        let mut standings = self.lock();
        let Some(standing) = standings.get_mut(watched as usize) else {
            return false;
        };
        let news = standing.trouble.is_none();
        if news && standing.synced {
            standing.since = (SystemTime::now(), Instant::now());
        }
        standing.trouble = Some(trouble.into());
        news
    }

    /// How all of it stands: as the watch that stands worst, and for as long as it has.
    pub fn now(&self) -> Fresh {
        let standings = self.lock();
        let state = standings.iter().map(Standing::state).min();
        let state = state.unwrap_or(State::Unsynced);
        let same = || {
            standings
                .iter()
                .filter(|standing| standing.state() == state)
        };
        let begun = same().map(|standing| standing.since);
        // It is in order from when the last of them was.
        let (since, instant) = match state {
            State::Synced => begun.max_by_key(|(_, instant)| *instant),
            State::Partial | State::Stale | State::Unsynced => {
                begun.min_by_key(|(_, instant)| *instant)
            }
        }
        .unwrap_or_else(|| (SystemTime::now(), Instant::now()));
        let trouble = same().find_map(Standing::trouble);
        Fresh {
            state,
            since,
            lasted: instant.elapsed(),
            trouble,
        }
    }

    /// Whether what is known is too old to say who has an address: that may be another by now.
    pub fn is_old(&self) -> bool {
        let is_old = |standing: &Standing| {
            standing.state() < State::Partial && standing.since.1.elapsed() >= STALE
        };
        self.lock().iter().any(is_old)
    }

    /// Whether all is known, as the API has it.
    pub fn is_synced(&self) -> bool {
        let is_synced = |standing: &Standing| standing.state() == State::Synced;
        self.lock().iter().all(is_synced)
    }

    fn lock(&self) -> MutexGuard<'_, [Standing; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn state(&self) -> State {
        match (self.synced, &self.trouble, self.unread) {
            (false, _, _) => State::Unsynced,
            (true, Some(_), _) => State::Stale,
            (true, None, 1..) => State::Partial,
            (true, None, 0) => State::Synced,
        }
    }

    fn trouble(&self) -> Option<Box<str>> {
        let unread = || format!("{} of the API's objects cannot be read", self.unread);
        let trouble = self.trouble.clone();
        trouble.or_else(|| (self.unread > 0).then(|| unread().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn state(freshness: &Freshness) -> (State, Duration, Option<Box<str>>) {
        let Fresh {
            state,
            lasted,
            trouble,
            ..
        } = freshness.now();
        (state, lasted, trouble)
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_it_is_as_fresh_as_its_oldest_part() {
        let freshness = Freshness::default();
        tokio::time::advance(MINUTE).await;
        assert!(freshness.synced(Watched::Pods, 0));
        assert!(freshness.failed(Watched::Namespaces, "forbidden".into()));
        let unsynced = (State::Unsynced, MINUTE, Some("forbidden".into()));
        assert_eq!(state(&freshness), unsynced);

        tokio::time::advance(MINUTE).await;
        assert!(freshness.synced(Watched::Namespaces, 0));
        assert!(!freshness.synced(Watched::Namespaces, 0), "it is no news");
        tokio::time::advance(MINUTE).await;
        assert_eq!(state(&freshness), (State::Synced, MINUTE, None));

        assert!(freshness.failed(Watched::Pods, "refused".into()));
        tokio::time::advance(MINUTE).await;
        assert!(
            !freshness.failed(Watched::Pods, "timed out".into()),
            "it is no news"
        );
        let stale = (State::Stale, MINUTE, Some("timed out".into()));
        assert_eq!(state(&freshness), stale);

        assert!(freshness.synced(Watched::Pods, 0));
        assert_eq!(state(&freshness), (State::Synced, Duration::ZERO, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_told_of_and_makes_nothing_else_old() {
        let freshness = Freshness::default();
        for watched in [Watched::Pods, Watched::Namespaces] {
            freshness.synced(watched, 0);
        }
        assert!(freshness.synced(Watched::Pods, 2));
        assert!(!freshness.synced(Watched::Pods, 2), "it is no news");
        tokio::time::advance(STALE).await;
        let said = "2 of the API's objects cannot be read";
        let partial = (State::Partial, STALE, Some(said.into()));
        assert_eq!(state(&freshness), partial);
        assert!(!freshness.is_old());
        freshness.failed(Watched::Pods, "refused".into());
        let stale = (State::Stale, Duration::ZERO, Some("refused".into()));
        assert_eq!(state(&freshness), stale);
        assert!(freshness.synced(Watched::Pods, 0));
        assert_eq!(state(&freshness), (State::Synced, Duration::ZERO, None));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_old_a_while_after_the_api_was_heard_last_or_if_it_never_is() {
        let freshness = Freshness::default();
        assert!(!freshness.is_old(), "it may be heard yet");
        tokio::time::advance(STALE).await;
        assert!(freshness.is_old());
        for watched in [Watched::Pods, Watched::Namespaces] {
            freshness.synced(watched, 0);
        }
        tokio::time::advance(2 * STALE).await;
        assert!(!freshness.is_old(), "nothing has changed since");
        freshness.failed(Watched::Pods, "refused".into());
        tokio::time::advance(STALE / 2).await;
        assert!(!freshness.is_old());
        tokio::time::advance(STALE / 2).await;
        assert!(freshness.is_old());
        freshness.synced(Watched::Pods, 0);
        assert!(!freshness.is_old());
    }
}
