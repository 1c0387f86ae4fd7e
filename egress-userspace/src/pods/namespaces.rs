//! What the labels of namespaces say of their pods.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::types::{Pod, PodMode};

/// What the label of a namespace says of its pods; `None`: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(pub Option<PodMode>);

/// The namespaces that are known, each with what its label says.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    modes: HashMap<Box<str>, Option<PodMode>, RandomState>,
    /// Whether there are some that could not be read.
    are_unread: bool,
}

impl Namespaces {
    /// What the label of a namespace says; `None`: the namespace is not known.
    pub(super) fn label(&self, name: &str) -> Option<Label> {
        self.modes.get(name).copied().map(Label)
    }

    /// What holds for a pod of which nothing is known; `None`: what the policy says. It may be of a namespace that
    /// enforces, as one that cannot be read may.
    pub(super) fn of_unknown(&self) -> Option<PodMode> {
        let mut modes = self.modes.values();
        let some_may = self.are_unread || modes.any(|mode| *mode == Some(PodMode::Enforce));
        some_may.then_some(PodMode::Enforce)
    }

    /// What holds for a pod of which the namespace is known: what its label says. Of a namespace that the API does not
    /// tell of, what holds for unknown pods, or else what held before.
    pub(super) fn mode_of(&self, pod: &Pod) -> Option<PodMode> {
        match self.label(&pod.namespace) {
            Some(Label(mode)) => mode,
            None => self.of_unknown().or(pod.mode),
        }
    }

    /// Sets what the label of a namespace says; whether that is news.
    pub(super) fn set(&mut self, name: &str, mode: Option<PodMode>) -> bool {
        self.modes.insert(name.into(), mode) != Some(mode)
    }

    /// Forgets a namespace; whether it was known.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.modes.remove(name).is_some()
    }

    /// Forgets all but these. Where the list is not whole none is forgotten: it may be one that could not be read.
    /// Whether that is news.
    pub(super) fn listed(&mut self, names: &HashSet<Box<str>>, is_whole: bool) -> bool {
        let before = (self.modes.len(), self.are_unread);
        if is_whole {
            self.modes.retain(|name, _| names.contains(name));
        }
        self.are_unread = !is_whole;
        (self.modes.len(), self.are_unread) != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENFORCE: Option<PodMode> = Some(PodMode::Enforce);
    const AUDIT: Option<PodMode> = Some(PodMode::Audit);

    #[test]
    fn a_pods_mode_is_its_namespaces_and_never_less_where_that_is_not_known() {
        let mut namespaces = Namespaces::default();
        let of = |namespaces: &Namespaces, before| {
            namespaces.mode_of(&Pod {
                namespace: "shop".into(),
                mode: before,
                ..Pod::default()
            })
        };
        for before in [None, AUDIT, ENFORCE] {
            assert_eq!(of(&namespaces, before), before);
        }
        assert!(namespaces.set("bank", ENFORCE));
        for before in [None, AUDIT, ENFORCE] {
            assert_eq!(of(&namespaces, before), ENFORCE);
        }
        for label in [None, AUDIT, ENFORCE] {
            assert!(namespaces.set("shop", label));
            assert!(!namespaces.set("shop", label), "it is no news");
            assert_eq!(of(&namespaces, AUDIT), label);
        }
    }

    #[test]
    fn what_is_not_known_may_be_of_any_namespace_that_enforces_and_is_there() {
        let mut namespaces = Namespaces::default();
        assert_eq!(namespaces.of_unknown(), None);
        namespaces.set("shop", ENFORCE);
        namespaces.set("bank", AUDIT);
        assert_eq!(namespaces.of_unknown(), ENFORCE);
        namespaces.set("shop", AUDIT);
        assert_eq!(namespaces.of_unknown(), None);
        namespaces.set("bank", ENFORCE);
        assert!(namespaces.remove("bank"));
        assert!(!namespaces.remove("bank"), "it is no news");
        assert_eq!(namespaces.of_unknown(), None);
        namespaces.set("bank", ENFORCE);
        let names = HashSet::from(["shop".into()]);
        assert!(namespaces.listed(&names, true));
        assert!(!namespaces.listed(&names, true), "it is no news");
        assert_eq!(namespaces.of_unknown(), None);
        assert_eq!(namespaces.label("shop"), Some(Label(AUDIT)));
    }

    #[test]
    fn one_that_cannot_be_read_stays_as_it_was_and_may_enforce() {
        let mut namespaces = Namespaces::default();
        namespaces.set("shop", AUDIT);
        assert!(namespaces.listed(&HashSet::new(), false));
        assert!(!namespaces.listed(&HashSet::new(), false), "it is no news");
        assert_eq!(namespaces.label("shop"), Some(Label(AUDIT)));
        assert_eq!(namespaces.of_unknown(), ENFORCE);
        assert!(namespaces.listed(&HashSet::from(["shop".into()]), true));
        assert_eq!(namespaces.of_unknown(), None);
    }
}
