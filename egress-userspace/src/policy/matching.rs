//! Which services a connection matches, and which of them decides.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use super::hosts::{HostMatch, Ids};
use super::lead::Name;
use super::profile::{By, Line, Profile, Selection, Within};
use super::{Facts, Policy};
use crate::types::{Claim, HostName};

/// A port of a service that matches a connection, all but who made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match<'a> {
    /// The service's number.
    pub(super) id: u32,
    pub(super) profile: &'a Profile,
    pub(super) line: &'a Line,
    /// By which it was found.
    pub(super) name: Name<'a>,
    pub(super) closeness: Closeness,
}

/// How closely a service describes a destination: the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Closeness {
    found: Found,
    within: Within,
}

/// What a service was found by: the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// The port alone: `TCP` without addresses, which leads to the operator's own endpoints.
    Port,
    /// The destination.
    Address,
    /// A name that the DNS forwarder told.
    Learned(HostMatch),
    /// The destination, in a protocol that sends a name: any name will do.
    Spoken,
    /// The name that the client sent.
    Claim(HostMatch),
}

/// What the registry says of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ruling<'a> {
    /// The closest service admits it.
    Admitted(Match<'a>),
    /// A service with `deny` matches it.
    Denied(Match<'a>),
    /// Services match it, and none is for this caller; the closest of them.
    Barred(Match<'a>),
    /// No service matches it.
    Unknown,
}

impl Policy {
    /// Deny beats allow; of services that allow, the one that describes the caller most closely
    /// decides, and of those the one that describes the destination most closely.
    pub(super) fn rule<'a>(&'a self, facts: &Facts<'a>) -> Ruling<'a> {
        let mut admitted = None;
        let mut barred = None;
        // From the inside, in one go: taken one by one, each would enter the whole chain anew.
        let denied = self.matching(facts).try_for_each(|found| {
            // Of two that are as close the first in the file decides.
            let rank = (found.closeness, Reverse(found.id));
            match found.profile.selects(facts.caller) {
                Selection::Nobody if found.profile.deny => {}
                Selection::Nobody => keep_greatest(&mut barred, rank, found),
                Selection::Everyone | Selection::Closely(_) if found.profile.deny => {
                    return ControlFlow::Break(found);
                }
                selection => keep_greatest(&mut admitted, (selection, rank), found),
            }
            ControlFlow::Continue(())
        });
        if let ControlFlow::Break(found) = denied {
            return Ruling::Denied(found);
        }
        match (admitted, barred) {
            (Some((_, found)), _) => Ruling::Admitted(found),
            (None, Some((_, found))) => Ruling::Barred(found),
            (None, None) => Ruling::Unknown,
        }
    }

    /// All that match.
    pub(super) fn matching<'a>(&'a self, facts: &Facts<'a>) -> impl Iterator<Item = Match<'a>> {
        let facts = *facts;
        let port = facts.dst.port();
        let sent = facts.claim.name();
        let sent = sent.into_iter().flat_map(move |name| {
            self.named(port, name)
                .map(move |(host, id)| (Found::Claim(host), Name::Sent(name), id))
        });
        let learned = facts.learned.iter().flat_map(move |name| {
            self.named(port, name)
                .map(move |(host, id)| (Found::Learned(host), Name::Learned(name), id))
        });
        let unnamed = self.ports.get(&port).into_iter();
        let unnamed = unnamed.flat_map(move |port| {
            let covering = port.covering(facts.dst.ip());
            let covering = covering.map(|id| (Found::Address, Name::None, id));
            let anywhere = port.anywhere.iter();
            covering.chain(anywhere.map(|id| (Found::Port, Name::None, *id)))
        });
        let found = sent.chain(learned).chain(unnamed);
        found.filter_map(move |(found, name, id)| self.matched(&facts, found, name, id))
    }

    /// The services that list `name`, and may have `port`.
    pub(super) fn named<'a>(
        &'a self,
        port: u16,
        name: &'a HostName,
    ) -> impl Iterator<Item = (HostMatch, u32)> {
        let of_port =
            move |(host, ids): (HostMatch, Ids<'a>)| ids.on(port).map(move |id| (host, id));
        self.names.matches(name).flat_map(of_port)
    }

    fn matched<'a>(
        &'a self,
        facts: &Facts<'_>,
        found: Found,
        name: Name<'a>,
        id: u32,
    ) -> Option<Match<'a>> {
        let by = match found {
            Found::Claim(_) => By::Claim,
            Found::Learned(_) => By::Learned,
            Found::Port | Found::Address | Found::Spoken => By::Address,
        };
        let profile = self.registry.profile(id)?;
        let line = profile
            .on(facts.dst.port())
            .find(|line| profile.hears(line, by, facts.claim))?;
        let found = match found {
            Found::Address if line.protocol.sends_name() => Found::Spoken,
            found => found,
        };
        let within = profile.place(facts.dst.ip())?;
        Some(Match {
            id,
            profile,
            line,
            name,
            closeness: Closeness { found, within },
        })
    }
}

impl Profile {
    /// Whether a port that is found so is for a client that began so.
    ///
    /// What is denied is denied whatever is spoken: nobody gets past a denial by another protocol, nor,
    /// having been told a name, by not sending it.
    fn hears(&self, line: &Line, by: By, claim: &Claim) -> bool {
        if self.deny {
            let withheld = (By::Claim, By::Learned) == (line.by, by) && claim.name().is_none();
            line.by == by || withheld
        } else {
            line.by == by && line.protocol.is_spoken_by(claim)
        }
    }
}

fn keep_greatest<'a, R: Ord>(best: &mut Option<(R, Match<'a>)>, rank: R, found: Match<'a>) {
    if best.as_ref().is_none_or(|(greatest, _)| *greatest < rank) {
        *best = Some((rank, found));
    }
}
