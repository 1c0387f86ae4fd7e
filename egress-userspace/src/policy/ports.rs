//! What the registry has on each port, other than names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

use foldhash::fast::RandomState;
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use super::hosts::offset;
use super::profile::{By, Line, Profile, Selection};
use super::registry::Registry;
use crate::types::Caller;

/// How many different profiles of a port are asked whether a caller may have to send a name. With
/// more, it is taken for granted: then nothing is lost but a moment, for the first bytes are looked for.
const MAX_ASKED: usize = 16;

/// The rules of all ports.
pub(super) type Ports = HashMap<u16, PortRules, RandomState>;

/// The rules of one port; each is the number of a service.
#[derive(Debug, Default)]
pub(super) struct PortRules {
    /// Where in `ids` those are that list an address.
    by_address: JointPrefixMap<IpNet, Range<u32>>,
    ids: Vec<u32>,
    /// Those without addresses that need no name: they lead to the operator's own endpoints, or deny.
    pub(super) anywhere: Vec<u32>,
    /// Some rule is found by name.
    pub(super) has_names: bool,
    /// Profiles with rules that depend on what the client sends; `None`: too many to ask.
    wants_claim: Option<Vec<u32>>,
}

/// The rules of one port, before they are put in order.
struct Draft {
    nets: Vec<(IpNet, u32)>,
    rules: PortRules,
}

/// The rules of `count` services.
pub(super) fn build(registry: &Registry, count: usize) -> Ports {
    let mut drafts: HashMap<u16, Draft, RandomState> = HashMap::default();
    for id in 0..offset(count) {
        let Some(profile) = registry.profile(id) else {
            continue;
        };
        for line in profile.lines() {
            drafts.entry(line.port).or_default().add(registry, id, line);
        }
    }
    let ports = drafts.into_iter();
    ports.map(|(port, draft)| (port, draft.finish())).collect()
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            nets: Vec::new(),
            rules: PortRules {
                wants_claim: Some(Vec::new()),
                ..PortRules::default()
            },
        }
    }
}

impl Draft {
    fn add(&mut self, registry: &Registry, id: u32, line: &Line) {
        let (Some(profile), Some(number)) = (registry.profile(id), registry.profile_id(id)) else {
            return;
        };
        if line.protocol.sends_name()
            && let Some(asked) = &mut self.rules.wants_claim
            && !asked.contains(&number)
        {
            asked.push(number);
            if asked.len() > MAX_ASKED {
                self.rules.wants_claim = None;
            }
        }
        match line.by {
            By::Claim | By::Learned => self.rules.has_names = true,
            By::Address => {
                let listed = &profile.terms.listed;
                // A service that says neither what it admits nor where it is admits nothing.
                let leads = !line.protocol.sends_name() && line.lead.is_elsewhere();
                if listed.is_empty() && (profile.deny || leads) {
                    self.rules.anywhere.push(id);
                }
                self.nets.extend(listed.iter().map(|net| (net.trunc(), id)));
            }
        }
    }

    fn finish(mut self) -> PortRules {
        self.nets.sort_unstable();
        self.nets.dedup();
        for group in self.nets.chunk_by(|(a, _), (b, _)| a == b) {
            let start = offset(self.rules.ids.len());
            self.rules.ids.extend(group.iter().map(|(_, id)| *id));
            let range = start..offset(self.rules.ids.len());
            if let Some((net, _)) = group.first() {
                self.rules.by_address.insert(*net, range);
            }
        }
        self.rules
    }
}

impl PortRules {
    /// The rules whose addresses have `ip`, shorter prefixes first.
    pub(super) fn covering(&self, ip: IpAddr) -> impl Iterator<Item = u32> {
        let ranges = self.by_address.cover_values(&IpNet::from(ip));
        let ids = ranges.filter_map(|range| self.ids.get(range.start as usize..range.end as usize));
        ids.flatten().copied()
    }

    /// Whether some rule lists addresses.
    pub(super) fn lists_addresses(&self) -> bool {
        !self.by_address.is_empty()
    }

    /// The rules with addresses beside `ip`, those that have the most of it first.
    pub(super) fn beside(&self, ip: IpAddr) -> impl Iterator<Item = u32> {
        let around = std::iter::successors(Some(IpNet::from(ip)), IpNet::supernet);
        let inside = around.flat_map(move |around| {
            let nets = self.by_address.children(&around);
            // What is inside of the next smaller one came before.
            let known = (around.prefix_len() < around.max_prefix_len())
                .then(|| IpNet::new(ip, around.prefix_len() + 1).ok())
                .flatten();
            nets.filter(move |(net, _)| {
                !net.contains(&ip) && known.is_none_or(|known| !known.trunc().contains(net))
            })
        });
        let ids = inside.filter_map(|(_, range)| {
            let range = range.start as usize..range.end as usize;
            self.ids.get(range)
        });
        ids.flatten().copied()
    }

    /// Whether any rule depends on what the client sends.
    pub(super) fn has_claims(&self) -> bool {
        self.wants_claim
            .as_ref()
            .is_none_or(|asked| !asked.is_empty())
    }

    /// Whether a rule that depends on what the client sends may concern this caller and destination.
    pub(super) fn wants_claim(&self, registry: &Registry, caller: &Caller, ip: IpAddr) -> bool {
        let Some(asked) = &self.wants_claim else {
            return true;
        };
        let mut profiles = asked
            .iter()
            .filter_map(|number| registry.profile_of(*number));
        let concerns = |profile: &Profile| {
            profile.place(ip).is_some() && profile.selects(caller) != Selection::Nobody
        };
        profiles.any(concerns)
    }
}
