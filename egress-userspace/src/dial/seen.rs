//! Which addresses names had of late.
//!
//! A name behind a content network has other addresses in each answer. A client may hold one that
//! the gateway's answer of now lacks, and is no liar: it asked a moment ago, or another server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::types::HostName;

/// Names in one of the two generations: more than a node's workloads use within the grace time, and
/// with all their addresses at most 20 MB.
const NAMES: usize = 8_192;
/// Addresses of one name: content networks give eight at most in an answer, so the last few answers.
const ADDRESSES: usize = 32;
/// The longest that an answer is taken for fresh: what clients keep longer, they ask again for.
const LONGEST_TTL: Duration = Duration::from_hours(1);
/// Nobody's settings keep addresses longer than this after their answer has run out.
const LONGEST_GRACE: Duration = Duration::from_hours(24);
/// Between two questions past the cache for one name: what a client can make the gateway ask is bounded.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(5);

/// The addresses that names had of late.
#[derive(Debug)]
pub struct Seen(Mutex<Generations>);

/// What is used moves to the young generation; when that is full or aged, the old one is forgotten
/// and the young one is old. So nothing is ever searched for what to forget.
#[derive(Debug)]
struct Generations {
    young: HashMap<HostName, Sightings>,
    old: HashMap<HostName, Sightings>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Sightings {
    /// Each with the time at which the last answer that had it ran out.
    addresses: Vec<(IpAddr, Instant)>,
    questioned: Option<Instant>,
}

impl Seen {
    /// An answer for `name` had these addresses, and may be kept for `ttl`.
    pub fn learn(&self, name: &HostName, ips: &[IpAddr], ttl: Duration) {
        let now = Instant::now();
        let until = now + ttl.min(LONGEST_TTL);
        self.with(|generations| {
            let sightings = generations.entry(name, now);
            for ip in ips {
                sightings.add(ip.to_canonical(), until);
            }
        });
    }

    /// Whether `name` had `ip` in an answer that ran out less than `grace` ago.
    pub(super) fn had(&self, name: &HostName, ip: IpAddr, grace: Duration) -> bool {
        let now = Instant::now();
        let ip = ip.to_canonical();
        let grace = grace.min(LONGEST_GRACE);
        self.with(|generations| {
            let sightings = generations.get(name);
            sightings
                .iter()
                .flat_map(|sightings| &sightings.addresses)
                .any(|(seen, until)| *seen == ip && now < *until + grace)
        })
    }

    /// Whether servers may be asked for `name` past the cache now.
    pub(super) fn may_ask_again(&self, name: &HostName) -> bool {
        let now = Instant::now();
        self.with(|generations| {
            let questioned = &mut generations.entry(name, now).questioned;
            let may = questioned.is_none_or(|last| now >= last + BETWEEN_QUESTIONS);
            if may {
                *questioned = Some(now);
            }
            may
        })
    }

    /// How many names it knows.
    pub fn names(&self) -> usize {
        self.with(|generations| generations.young.len() + generations.old.len())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Generations) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self(Mutex::new(Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            since: Instant::now(),
        }))
    }
}

impl Generations {
    fn get(&self, name: &HostName) -> Option<&Sightings> {
        self.young.get(name).or_else(|| self.old.get(name))
    }

    fn entry(&mut self, name: &HostName, now: Instant) -> &mut Sightings {
        if self.young.len() >= NAMES || now >= self.since + LONGEST_TTL + LONGEST_GRACE {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        let before = self.old.remove(name);
        self.young
            .entry(name.clone())
            .or_insert_with(|| before.unwrap_or_default())
    }
}

impl Sightings {
    fn add(&mut self, ip: IpAddr, until: Instant) {
        if let Some((_, last)) = self.addresses.iter_mut().find(|(seen, _)| *seen == ip) {
            *last = until.max(*last);
            return;
        }
        if self.addresses.len() >= ADDRESSES {
            let earliest = self.addresses.iter().enumerate();
            if let Some((index, _)) = earliest.min_by_key(|(_, (_, until))| *until) {
                self.addresses.swap_remove(index);
            }
        }
        self.addresses.push((ip, until));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;

    const GRACE: Duration = Duration::from_mins(10);
    const TTL: Duration = Duration::from_mins(1);

    fn name(number: usize) -> HostName {
        format!("n{number}.example").parse().expect("a name")
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_known_until_the_grace_after_its_answer_is_over() {
        let seen = Seen::default();
        seen.learn(&name(1), &[ip(1)], TTL);
        assert!(!seen.had(&name(1), ip(2), GRACE));
        assert!(!seen.had(&name(2), ip(1), GRACE));
        advance(GRACE).await;
        assert!(seen.had(&name(1), ip(1), GRACE));
        advance(TTL).await;
        assert!(!seen.had(&name(1), ip(1), GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_answer_does_not_shorten_what_is_known() {
        let seen = Seen::default();
        seen.learn(&name(1), &[ip(1)], TTL);
        seen.learn(&name(1), &[ip(1)], Duration::ZERO);
        advance(TTL + GRACE / 2).await;
        assert!(seen.had(&name(1), ip(1), GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_cannot_say_that_it_holds_for_ever() {
        let seen = Seen::default();
        seen.learn(&name(1), &[ip(1)], Duration::MAX);
        advance(LONGEST_TTL + GRACE).await;
        assert!(!seen.had(&name(1), ip(1), GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn mapped_addresses_are_the_addresses_they_stand_for() {
        let seen = Seen::default();
        let mapped = Ipv4Addr::from_bits(1).to_ipv6_mapped().into();
        seen.learn(&name(1), &[mapped], TTL);
        assert!(seen.had(&name(1), ip(1), GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn names_and_addresses_are_bounded_and_the_newest_stay() {
        let seen = Seen::default();
        for number in 0..NAMES * 3 {
            seen.learn(&name(number), &[ip(1)], TTL);
            assert!(seen.names() <= NAMES * 2);
        }
        assert!(seen.had(&name(NAMES * 3 - 1), ip(1), GRACE));
        assert!(!seen.had(&name(0), ip(1), GRACE));

        for number in 0..100 {
            advance(Duration::from_millis(1)).await;
            seen.learn(&name(1), &[ip(number)], TTL);
        }
        let known = |number| seen.had(&name(1), ip(number), GRACE);
        assert_eq!((0..100).filter(|n| known(*n)).count(), ADDRESSES);
        assert!(known(99));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_used_stays_when_others_come_and_go() {
        let seen = Seen::default();
        for number in 0..NAMES * 4 {
            seen.learn(&name(0), &[ip(1)], TTL);
            seen.learn(&name(number), &[ip(2)], TTL);
        }
        assert!(seen.had(&name(0), ip(1), GRACE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_name_is_asked_for_again_only_now_and_then() {
        let seen = Seen::default();
        assert!(seen.may_ask_again(&name(1)));
        assert!(!seen.may_ask_again(&name(1)));
        assert!(seen.may_ask_again(&name(2)));
        advance(BETWEEN_QUESTIONS).await;
        assert!(seen.may_ask_again(&name(1)));
    }
}
