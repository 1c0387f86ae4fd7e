//! What comes near to admitting a connection.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::asked::Asked;
use super::{Kind, MAX_MISSES, Miss, slips};
use crate::policy::hosts::HostMatch;
use crate::policy::matching::Ruling;
use crate::policy::nearest::{Shortcoming, shortcoming};
use crate::policy::profile::{By, Line, Profile, Selection};
use crate::policy::{Facts, Policy};
use crate::types::{Claim, HostName, HostPattern};

/// Services of one pattern, or with one address, that are looked at: more of them have the same to tell.
const MAX_OF_ONE: usize = 256;
/// Services that are told of a port where no name was sent, as examples: each of the port's would do.
const MAX_UNNAMED: usize = 2;
/// Services on a port whose other addresses are told, of the nearest networks.
const MAX_ELSEWHERE: usize = 8;

/// A service that comes near.
#[derive(Clone, Debug)]
pub(super) struct Near {
    pub(super) kind: Kind,
    pub(super) id: u32,
    /// The pattern by which its name is near.
    pub(super) pattern: Option<HostPattern>,
    /// The name that was meant.
    pub(super) meant: Option<HostName>,
}

impl Policy {
    /// The nearest, with those that the caller's namespace has of its own, and how many more there are.
    pub(super) fn all_misses(&self, asked: &Asked, facts: &Facts<'_>) -> (Vec<Miss>, usize) {
        let (layer, ruling) = self.ruling(facts);
        if matches!(ruling, Ruling::Admitted(_)) {
            return layer.nearest_misses(asked, facts);
        }
        let (mut nearest, mut left_out) = self.nearest_misses(asked, facts);
        if let Some(own) = self.own_of(facts.caller) {
            let (more, left) = own.nearest_misses(asked, facts);
            nearest.extend(more);
            nearest.sort_by_key(|miss| miss.miss);
            left_out += left + nearest.len().saturating_sub(MAX_MISSES);
            nearest.truncate(MAX_MISSES);
        }
        (nearest, left_out)
    }

    /// The nearest, told, and how many more there are.
    fn nearest_misses(&self, asked: &Asked, facts: &Facts<'_>) -> (Vec<Miss>, usize) {
        let mut all = self.near(asked, facts);
        // As they were found where they are as near: the closest pattern comes first.
        all.sort_by_key(|near| near.kind);
        let mut seen = HashSet::new();
        all.retain(|near| seen.insert(near.id));
        let left_out = all.len().saturating_sub(MAX_MISSES);
        let told = all.iter().take(MAX_MISSES);
        (
            told.filter_map(|near| self.miss(near, facts)).collect(),
            left_out,
        )
    }

    fn near(&self, asked: &Asked, facts: &Facts<'_>) -> Vec<Near> {
        match self.rule(facts) {
            Ruling::Admitted(found) if found.denies_ech(facts.claim) => {
                vec![Near::new(Kind::Ech, found.id)]
            }
            Ruling::Admitted(_) => Vec::new(),
            Ruling::Denied(_) => self.matched_but(Kind::Beaten, facts),
            Ruling::Barred(_) => self.matched_but(Kind::Caller, facts),
            Ruling::Unknown if matches!(facts.claim, Claim::Malformed(_)) => Vec::new(),
            Ruling::Unknown => {
                let mut near = self.by_name(facts);
                if let Some(name) = facts.claim.name().or(asked.host.as_ref()) {
                    near.extend(self.by_silent_name(name, facts));
                    let is_listed = !near.is_empty();
                    near.extend(self.beside_name(name, is_listed, facts));
                }
                near.extend(self.by_address(asked, facts));
                if facts.claim.name().is_none() {
                    near.extend(self.unnamed(facts));
                }
                near
            }
        }
    }

    /// What would admit it but for what comes first, or but for who asks.
    fn matched_but(&self, kind: Kind, facts: &Facts<'_>) -> Vec<Near> {
        let is_meant = |profile: &Profile| profile.selects(facts.caller) != Selection::Nobody;
        let allowing = self.matching(facts).filter(|found| !found.profile.deny);
        let found = allowing.filter(|found| is_meant(found.profile) == (kind == Kind::Beaten));
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|found| (Reverse(found.closeness), found.id));
        found
            .iter()
            .map(|found| Near::new(kind, found.id))
            .collect()
    }

    /// What lists the name that was sent, or one that was looked up.
    fn by_name(&self, facts: &Facts<'_>) -> Vec<Near> {
        let sent = facts.claim.name().map(|name| (By::Claim, name));
        let learned = facts.learned.iter().map(|name| (By::Learned, name));
        let mut near = Vec::new();
        for (by, name) in sent.into_iter().chain(learned) {
            for (pattern, id) in self.listing(name) {
                let lines = self.allowing(id).flat_map(Profile::lines);
                let lines = lines.filter(|line| line.by == by);
                let least = lines.map(|line| shortcoming(line, facts)).min();
                near.extend(least.map(|least| Near {
                    pattern: Some(pattern),
                    ..Near::new(least.into(), id)
                }));
            }
        }
        near
    }

    /// What has the name that the client wants, and goes by another way to know it: by the client's first
    /// bytes, where it does not send it, or by its lookup, where there was none.
    fn by_silent_name(&self, name: &HostName, facts: &Facts<'_>) -> Vec<Near> {
        let is_sent = facts.claim.name() == Some(name);
        let is_learned = facts.learned.contains(name);
        let is_silent = |line: &Line| match line.by {
            By::Claim => !is_sent,
            By::Learned => !is_learned,
            By::Address => false,
        };
        let port = facts.dst.port();
        let on_port = self.listing(name).filter(|(_, id)| {
            let mut lines = self.allowing(*id).flat_map(|profile| profile.on(port));
            lines.any(is_silent)
        });
        let near = on_port.map(|(pattern, id)| Near {
            pattern: Some(pattern),
            ..Near::new(Kind::Unnamed, id)
        });
        near.collect()
    }

    /// What lists names that are nearly `name`.
    fn beside_name(&self, name: &HostName, is_listed: bool, facts: &Facts<'_>) -> Vec<Near> {
        let mut near = Vec::new();
        let apex = HostPattern::Suffix(name.clone());
        near.extend(self.names.apex(name).into_iter().flat_map(|ids| {
            let of_apex = |id| Near {
                pattern: Some(apex.clone()),
                ..Near::new(Kind::Apex, id)
            };
            ids.all().take(MAX_OF_ONE).map(of_apex)
        }));
        for above in parents(name) {
            let exact = self.listing(&above);
            let exact = exact.filter(|(pattern, _)| matches!(pattern, HostPattern::Exact(_)));
            near.extend(exact.map(|(pattern, id)| Near {
                pattern: Some(pattern),
                ..Near::new(Kind::Below, id)
            }));
        }
        if !is_listed {
            for meant in slips::of(name) {
                near.extend(self.listing(&meant).map(|(pattern, id)| Near {
                    kind: Kind::Slip,
                    id,
                    pattern: Some(pattern),
                    meant: Some(meant.clone()),
                }));
            }
        }
        // On another port, or by a name that is not sent, they would not admit it either.
        near.retain(|near| {
            let mut lines = self.allowing(near.id).flat_map(Profile::lines);
            lines.any(|line| line.by != By::Address)
        });
        near.sort_by_key(|near| (near.kind, !self.has_port(near.id, facts.dst.port())));
        near
    }

    /// What has the destination for another protocol or on other ports, and what has the port for other
    /// destinations.
    fn by_address(&self, asked: &Asked, facts: &Facts<'_>) -> Vec<Near> {
        let (ip, port) = (facts.dst.ip(), facts.dst.port());
        let mut near = Vec::new();
        let near_of = |kind, id| self.allowing(id).next().map(|_| Near::new(kind, id));
        if let Some(rules) = self.ports.get(&port) {
            let mut covering: Vec<_> = rules.covering(ip).take(MAX_OF_ONE).collect();
            // The longest prefix is the nearest.
            covering.reverse();
            near.extend(
                covering
                    .iter()
                    .filter_map(|id| near_of(Kind::AddressProtocol, *id)),
            );
            if asked.assumed.ip.is_none() {
                let elsewhere = rules.beside(ip).take(MAX_ELSEWHERE);
                near.extend(elsewhere.filter_map(|id| near_of(Kind::Elsewhere, id)));
            }
        }
        if asked.assumed.ip.is_none() {
            let others = self.ports.iter().filter(|(other, _)| **other != port);
            let ids = others.flat_map(|(_, rules)| rules.covering(ip));
            let mut ids: Vec<_> = ids.take(MAX_OF_ONE).collect();
            ids.sort_unstable();
            near.extend(ids.iter().filter_map(|id| near_of(Kind::AddressPort, *id)));
        }
        near
    }

    /// What is found on the port by a name, where there is none. Looks at every service until it has
    /// enough.
    fn unnamed(&self, facts: &Facts<'_>) -> Vec<Near> {
        let is_found = |id: &u32| {
            let mut lines = self
                .allowing(*id)
                .flat_map(|profile| profile.on(facts.dst.port()));
            lines.any(|line| line.by != By::Address)
        };
        let has_names = self
            .ports
            .get(&facts.dst.port())
            .is_some_and(|port| port.has_names);
        let ids = self.registry.ids().filter(|_| has_names).filter(is_found);
        ids.take(MAX_UNNAMED)
            .map(|id| Near::new(Kind::Unnamed, id))
            .collect()
    }

    /// What lists a name, with the pattern that has it, the closest first.
    fn listing(&self, name: &HostName) -> impl Iterator<Item = (HostPattern, u32)> {
        let lists = self.names.matches(name);
        lists.flat_map(move |(close, ids)| {
            let pattern = pattern(name, close);
            let ids = ids.all().take(MAX_OF_ONE);
            ids.filter_map(move |id| Some((pattern.clone()?, id)))
        })
    }

    /// The profile of a service that does not deny.
    pub(super) fn allowing(&self, id: u32) -> impl Iterator<Item = &Profile> {
        let profile = self.registry.profile(id).into_iter();
        profile.filter(|profile| !profile.deny)
    }

    fn has_port(&self, id: u32, port: u16) -> bool {
        let mut lines = self.allowing(id).flat_map(|profile| profile.on(port));
        lines.any(|line: &Line| line.by != By::Address)
    }
}

impl Near {
    fn new(kind: Kind, id: u32) -> Self {
        Self {
            kind,
            id,
            pattern: None,
            meant: None,
        }
    }
}

impl From<Shortcoming> for Kind {
    fn from(shortcoming: Shortcoming) -> Self {
        match shortcoming {
            Shortcoming::Address => Self::Address,
            Shortcoming::Protocol => Self::Protocol,
            Shortcoming::Port => Self::Port,
        }
    }
}

/// The pattern that has `name`.
fn pattern(name: &HostName, close: HostMatch) -> Option<HostPattern> {
    match close {
        HostMatch::Exact => Some(HostPattern::Exact(name.clone())),
        HostMatch::Suffix(length) => {
            let text = name.as_str();
            let suffix = text.get(text.len().checked_sub(length)?..)?;
            suffix.parse().ok().map(HostPattern::Suffix)
        }
    }
}

/// The names above, the nearest first.
fn parents(name: &HostName) -> impl Iterator<Item = HostName> {
    let text = name.as_str();
    let dots = text.match_indices('.').map(|(at, _)| at + 1);
    dots.filter_map(|at| text.get(at..)?.parse().ok())
}
