//! Wildcards for names that stand side by side.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::evidence::Evidence;
use super::group::is_same;
use super::lesson::Entry;
use super::members::Ports;
use super::taken::Taken;
use super::wanted::Port;
use crate::config::{has_one_owner, is_registered};
use crate::types::{HostName, HostPattern};

/// Names that a wildcard's comment has.
const MAX_EXAMPLES: usize = 5;

/// Wildcards that are tried for one service: each looks at all of its names, and a log may be made to have many.
const MAX_TRIED: usize = 100;

/// Makes wildcards, none of them twice.
pub(super) struct Wildcards<'a> {
    /// All names, and on which ports they were asked for.
    names: &'a BTreeMap<HostName, Ports>,
    taken: Option<&'a Taken>,
    siblings: Option<usize>,
    made: HashSet<(HostPattern, u16, &'static str), RandomState>,
}

impl<'a> Wildcards<'a> {
    pub(super) fn new(
        names: &'a BTreeMap<HostName, Ports>,
        taken: Option<&'a Taken>,
        siblings: Option<usize>,
    ) -> Self {
        Self {
            names,
            taken,
            siblings,
            made: HashSet::default(),
        }
    }

    /// The hosts of a service for these names on these ports.
    pub(super) fn collapse(
        &mut self,
        mut names: BTreeMap<HostName, Evidence>,
        ports: &[Port],
    ) -> Vec<Entry<HostPattern>> {
        let mut hosts = Vec::new();
        for parent in self.parents(&names) {
            let pattern = HostPattern::Suffix(parent.clone());
            let (below, others): (BTreeMap<_, _>, _) = names
                .into_iter()
                .partition(|(name, _)| is_below(name, &parent));
            names = others;
            // What is shorter comes first: it may have taken in all that is below this one.
            let apex = if below.is_empty() {
                None
            } else {
                self.apex(&parent, ports)
            };
            let Some(apex) = apex.filter(|_| self.is_free(&pattern, ports)) else {
                names.extend(below);
                continue;
            };
            self.made
                .extend(ports.iter().map(|port| key(&pattern, *port)));
            hosts.extend(wildcard(pattern, &below));
            if let Apex::Missing = apex {
                let exact = HostPattern::Exact(parent);
                self.made
                    .extend(ports.iter().map(|port| key(&exact, *port)));
                hosts.push(Entry {
                    item: exact,
                    evidence: None,
                    note: Some(
                        "not seen itself: a wildcard is never the name that it is below".into(),
                    ),
                });
            }
        }
        let rest = names.into_iter();
        hosts.extend(rest.map(|(name, evidence)| Entry::seen(HostPattern::Exact(name), evidence)));
        hosts.sort_by(|a, b| a.item.cmp(&b.item));
        hosts
    }

    /// Names that have enough of these right below them, shorter ones first.
    fn parents(&self, names: &BTreeMap<HostName, Evidence>) -> Vec<HostName> {
        let Some(enough) = self.siblings else {
            return Vec::new();
        };
        let mut children: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names.keys() {
            if let Some((_, parent)) = name.as_str().split_once('.') {
                *children.entry(parent).or_default() += 1;
            }
        }
        let many = children.into_iter().filter(|(_, count)| *count >= enough);
        let parents = many.filter_map(|(parent, _)| parent.parse().ok());
        let mut parents: Vec<HostName> = parents.filter(has_one_owner).collect();
        parents.sort_by_key(|parent| parent.as_str().len());
        parents.truncate(MAX_TRIED);
        parents
    }

    /// What there is of the name that a wildcard is below; `None`: on some of the ports there is something, so
    /// that there can be no wildcard for all of them.
    fn apex(&self, parent: &HostName, ports: &[Port]) -> Option<Apex> {
        let needed: Vec<_> = ports
            .iter()
            .filter(|port| port.speaks.protocol().sends_name())
            .collect();
        if needed.is_empty() || !is_registered(parent.as_str()) {
            return Some(Apex::There);
        }
        if needed.iter().all(|port| self.says(parent, **port)) {
            return Some(Apex::There);
        }
        let none = !ports.iter().any(|port| self.says(parent, *port));
        none.then_some(Apex::Missing)
    }

    fn says(&self, name: &HostName, port: Port) -> bool {
        let exact = HostPattern::Exact(name.clone());
        let wanted = self.names.get(name);
        wanted.is_some_and(|ports| ports.keys().any(|other| is_same(*other, port)))
            || self.taken.is_some_and(|taken| taken.says(&exact, port))
            || self.made.contains(&key(&exact, port))
    }

    fn is_free(&self, pattern: &HostPattern, ports: &[Port]) -> bool {
        !ports.iter().any(|port| {
            self.made.contains(&key(pattern, *port))
                || self
                    .taken
                    .is_some_and(|taken| taken.has_pattern(pattern, *port))
        })
    }
}

/// The name that a wildcard is below.
enum Apex {
    /// It needs nothing.
    There,
    /// It has to be added.
    Missing,
}

fn key(pattern: &HostPattern, port: Port) -> (HostPattern, u16, &'static str) {
    (
        pattern.clone(),
        port.number,
        port.speaks.protocol().family(),
    )
}

/// With what was seen below it. Names were parsed: they can be in a comment.
fn wildcard(
    pattern: HostPattern,
    below: &BTreeMap<HostName, Evidence>,
) -> Option<Entry<HostPattern>> {
    let mut all = below.values();
    let mut evidence = all.next()?.clone();
    all.for_each(|other| evidence.add(other));
    let examples: Vec<_> = below
        .keys()
        .take(MAX_EXAMPLES)
        .map(HostName::as_str)
        .collect();
    let more = match below.len().saturating_sub(MAX_EXAMPLES) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let note = format!("for {} names: {}{more}", below.len(), examples.join(", "));
    Some(Entry {
        note: Some(note),
        ..Entry::seen(pattern, evidence)
    })
}

/// Whether `name` has one or more labels before `parent`.
pub(super) fn is_below(name: &HostName, parent: &HostName) -> bool {
    let before = name.as_str().strip_suffix(parent.as_str());
    before.is_some_and(|before| before.ends_with('.'))
}
