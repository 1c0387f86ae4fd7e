//! A whole log, judged by another configuration.

use std::collections::BTreeMap;

use super::compare::{Fate, Kind, Opinion, compare};
use super::groups::Groups;
use super::judge::Judge;
use super::question::Unjudged;
use super::seen::Seen;

/// What would come of the connections of a log.
#[derive(Debug)]
pub struct Replay {
    judge: Judge,
    /// Lines that were compared, or could not be.
    pub seen: u64,
    /// Those whose fate would be the same.
    pub same: u64,
    /// Those that would change, by how.
    pub changed: BTreeMap<Kind, u64>,
    /// Those that can't be judged, by why.
    pub unjudged: BTreeMap<Unjudged, u64>,
    /// Those that would change, counted together where they are alike.
    pub groups: Groups,
}

impl Replay {
    /// By this judge; nothing yet.
    pub fn new(judge: Judge) -> Self {
        Self {
            judge,
            seen: 0,
            same: 0,
            changed: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            groups: Groups::default(),
        }
    }

    /// Judges a line anew.
    pub fn add(&mut self, seen: &Seen) {
        self.seen += 1;
        match self.judged(seen) {
            Fate::Same => self.same += 1,
            Fate::Changed(kind, _) => *self.changed.entry(kind).or_default() += 1,
            Fate::Unjudged(why) => *self.unjudged.entry(why).or_default() += 1,
        }
    }

    /// How many would change so.
    pub fn count(&self, kind: Kind) -> u64 {
        self.changed.get(&kind).copied().unwrap_or_default()
    }

    fn judged(&mut self, seen: &Seen) -> Fate {
        let question = match seen.question() {
            Ok(question) => question,
            Err(why) => return Fate::Unjudged(why),
        };
        let Some(decided) = seen.decided else {
            return Fate::Unjudged(Unjudged::Undecided);
        };
        let (fate, rule) = compare(seen, decided, &self.judge.answer(&question));
        if let Fate::Changed(kind, would_be) = &fate {
            let was = Opinion::of(seen, decided);
            self.groups
                .add(seen, *kind, was, would_be.clone(), rule.as_ref());
        }
        fate
    }
}
