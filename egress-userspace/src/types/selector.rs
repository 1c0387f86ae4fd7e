//! Who may use a service.

use super::{Caller, PathPattern};

/// Says which callers are meant; all that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The pod's namespace.
    pub namespace: Option<Box<str>>,
    /// The pod's service account.
    pub service_account: Option<Box<str>>,
    /// Labels that the pod has.
    pub pod_labels: Vec<(Box<str>, Box<str>)>,
    /// The cgroup, or one above it.
    pub cgroup: Option<PathPattern>,
    /// The systemd unit: a component of the cgroup's path.
    pub unit: Option<PathPattern>,
    /// The executable.
    pub exe: Option<PathPattern>,
    /// The real user id.
    pub uid: Option<u32>,
}

/// Whether a selector means a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// What it asks for is not known of the caller, and all that is known fits.
    Unknown,
}

/// How closely a selector describes callers: with more words, then with narrower ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Specificity(u32);

/// The narrowest word first: an executable is one program, a namespace may be a whole team.
const WORDS: u32 = 7;

impl Selector {
    /// Whether it means `caller`.
    pub fn selects(&self, caller: &Caller) -> Selected {
        let pod = caller.pod.as_deref();
        let path = caller.cgroup_path.as_deref();
        let exe = caller.exe.as_deref().and_then(|exe| exe.to_str());
        let answers = [
            ask(self.namespace.as_ref(), pod, |want, pod| {
                *pod.namespace == **want
            }),
            ask(self.service_account.as_ref(), pod, |want, pod| {
                *pod.service_account == **want
            }),
            ask(
                Some(&self.pod_labels).filter(|l| !l.is_empty()),
                pod,
                |want, pod| {
                    want.iter()
                        .all(|(key, value)| pod.labels.get(key) == Some(value))
                },
            ),
            ask(self.cgroup.as_ref(), path, PathPattern::covers),
            ask(self.unit.as_ref(), path, |want, path| {
                path.split('/').any(|part| want.is_match(part))
            }),
            ask(self.exe.as_ref(), exe, PathPattern::is_match),
            ask(self.uid.as_ref(), Some(&caller.uid), PartialEq::eq),
        ];
        if answers.contains(&Selected::No) {
            Selected::No
        } else if answers.contains(&Selected::Unknown) {
            Selected::Unknown
        } else {
            Selected::Yes
        }
    }

    /// How closely it describes callers.
    pub fn specificity(&self) -> Specificity {
        let said = [
            self.uid.is_some(),
            self.namespace.is_some(),
            self.service_account.is_some(),
            !self.pod_labels.is_empty(),
            self.cgroup.is_some(),
            self.unit.is_some(),
            self.exe.is_some(),
        ];
        let count = (0u32..).zip(said).filter(|(_, said)| *said).count();
        let narrow = (0u32..)
            .zip(said)
            .filter(|(_, said)| *said)
            .fold(0, |sum, (rank, _)| sum | 1 << rank);
        let count = u32::try_from(count).unwrap_or(WORDS);
        // A path with more literal text is narrower: 16 bits of length below the words.
        let literal = [&self.cgroup, &self.unit, &self.exe]
            .into_iter()
            .flatten()
            .map(PathPattern::literal_len)
            .sum::<usize>();
        let literal = u32::from(u16::try_from(literal).unwrap_or(u16::MAX));
        Specificity(count << (16 + WORDS) | narrow << 16 | literal)
    }
}

fn ask<W: ?Sized, F: ?Sized>(
    want: Option<&W>,
    fact: Option<&F>,
    fits: impl FnOnce(&W, &F) -> bool,
) -> Selected {
    match (want, fact) {
        (None, _) => Selected::Yes,
        (Some(_), None) => Selected::Unknown,
        (Some(want), Some(fact)) if fits(want, fact) => Selected::Yes,
        (Some(_), Some(_)) => Selected::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CgroupId;

    fn caller() -> Caller {
        Caller {
            exe: Some("/usr/bin/curl".into()),
            cgroup_path: Some("/system.slice/backup.service/worker".into()),
            uid: 1000,
            ..Caller::unknown(CgroupId(1))
        }
    }

    fn pattern(text: &str) -> PathPattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn each_word_must_fit() {
        let cgroup = |text| Selector {
            cgroup: Some(pattern(text)),
            ..Selector::default()
        };
        let unit = |text| Selector {
            unit: Some(pattern(text)),
            ..Selector::default()
        };
        let exe = |text| Selector {
            exe: Some(pattern(text)),
            ..Selector::default()
        };
        let uid = |uid| Selector {
            uid: Some(uid),
            ..Selector::default()
        };
        let yes = [
            cgroup("/system.slice"),
            cgroup("/system.slice/*.service"),
            unit("backup.service"),
            unit("back*.service"),
            exe("/usr/bin/curl"),
            exe("/usr/bin/*"),
            uid(1000),
            Selector::default(),
        ];
        for selector in yes {
            assert_eq!(selector.selects(&caller()), Selected::Yes, "{selector:?}");
        }
        let no = [
            cgroup("/system"),
            cgroup("/user.slice"),
            unit("backup"),
            unit("system.slice/backup.service"),
            exe("/usr/*"),
            exe("/usr/bin"),
            uid(0),
            Selector {
                uid: Some(0),
                ..exe("/usr/bin/curl")
            },
        ];
        for selector in no {
            assert_eq!(selector.selects(&caller()), Selected::No, "{selector:?}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_caller_is_neither_yes_nor_no() {
        let namespace = Selector {
            namespace: Some("shop".into()),
            ..Selector::default()
        };
        assert_eq!(namespace.selects(&caller()), Selected::Unknown);
        let other = Selector {
            uid: Some(0),
            ..namespace
        };
        assert_eq!(other.selects(&caller()), Selected::No);
    }

    #[test]
    fn more_words_then_narrower_ones_then_longer_ones_are_closer() {
        let uid = Selector {
            uid: Some(1),
            ..Selector::default()
        };
        let exe = Selector {
            exe: Some(pattern("/usr/bin/curl")),
            ..Selector::default()
        };
        let wide = Selector {
            cgroup: Some(pattern("/a")),
            ..Selector::default()
        };
        let long = Selector {
            cgroup: Some(pattern("/a/b")),
            ..Selector::default()
        };
        let both = Selector {
            uid: Some(1),
            ..wide.clone()
        };
        let order = [Selector::default(), uid, wide, long, exe, both];
        assert!(order.is_sorted_by_key(Selector::specificity));
        let mut distinct: Vec<_> = order.iter().map(Selector::specificity).collect();
        distinct.dedup();
        assert_eq!(distinct.len(), order.len());
    }
}
