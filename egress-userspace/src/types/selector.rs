//! Who may use a service.

use super::{Caller, PathPattern, Pod};

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
    /// The unit of the node's systemd.
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

/// What the kernel adds to an executable's path when it is not there any more, as after an upgrade: the
/// program that still runs is as allowed, and as denied, as before.
const REPLACED: &str = " (deleted)";

impl Selector {
    /// Whether it means `caller`.
    pub fn selects(&self, caller: &Caller) -> Selected {
        let pod = caller.pod.as_deref();
        let path = caller.cgroup_path.as_deref();
        let exe = caller.exe.as_deref().and_then(|exe| exe.to_str());
        let exe = exe.map(|exe| exe.strip_suffix(REPLACED).unwrap_or(exe));
        let answers = [
            ask(self.namespace.as_ref(), pod, |want, pod| {
                *pod.namespace == **want
            }),
            ask(
                self.service_account.as_deref(),
                pod.and_then(Pod::known_service_account),
                |want, account| account == want,
            ),
            ask(
                Some(&self.pod_labels).filter(|l| !l.is_empty()),
                pod.and_then(Pod::known_labels),
                |want, labels| {
                    want.iter()
                        .all(|(key, value)| labels.get(key) == Some(value))
                },
            ),
            ask(self.cgroup.as_ref(), path, PathPattern::covers),
            ask(self.unit.as_ref(), path, |want, path| {
                unit_of(path).is_some_and(|unit| want.is_match(unit))
            }),
            ask(self.exe.as_ref(), exe, PathPattern::is_match),
            ask(
                self.uid.as_ref(),
                caller.process().map(|caller| &caller.uid),
                PartialEq::eq,
            ),
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

/// The unit that a cgroup belongs to: the first of the path that is no slice. What is below it may be
/// delegated, and then those inside name it as they like, also as another unit.
fn unit_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let unit = parts.find(|part| part.strip_suffix(".slice").is_none())?;
    // So systemd writes a name that the kernel could take for a file of its own.
    Some(unit.strip_prefix('_').unwrap_or(unit))
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
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::types::{CgroupId, Remote};

    fn caller() -> Caller {
        Caller {
            exe: Some(Path::new("/usr/bin/curl").into()),
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
    fn a_program_that_was_upgraded_is_who_it_was() {
        let selector = Selector {
            exe: Some(pattern("/usr/bin/curl")),
            ..Selector::default()
        };
        for (exe, selected) in [
            ("/usr/bin/curl (deleted)", Selected::Yes),
            ("/usr/bin/curl (deleted) (deleted)", Selected::No),
            ("/memfd:/usr/bin/curl (deleted)", Selected::No),
        ] {
            let caller = Caller {
                exe: Some(Path::new(exe).into()),
                ..caller()
            };
            assert_eq!(selector.selects(&caller), selected, "{exe}");
        }
    }

    #[test]
    fn a_unit_is_the_one_that_systemd_made_whatever_is_called_so_inside() {
        let selects = |unit: &str, path: &str| {
            let selector = Selector {
                unit: Some(pattern(unit)),
                ..Selector::default()
            };
            selector.selects(&Caller {
                cgroup_path: Some(path.into()),
                ..caller()
            })
        };
        let delegated = "/system.slice/tenant.service/backup.service";
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service";
        for path in [delegated, user, "/pods/backup.service", "/a.slice", "/"] {
            assert_eq!(selects("backup.service", path), Selected::No, "{path}");
        }
        assert_eq!(selects("tenant.service", delegated), Selected::Yes);
        assert_eq!(selects("user@*.service", user), Selected::Yes);
        assert_eq!(selects("user*", "/user.slice"), Selected::No, "a slice");
        let deep = "/a.slice/a-b.slice/backup.service/x.slice";
        assert_eq!(selects("backup.service", deep), Selected::Yes);
        assert_eq!(selects("cpu.service", "/_cpu.service"), Selected::Yes);
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
    fn of_a_caller_of_another_node_is_known_what_it_was_identified_by() {
        let pod = Pod {
            namespace: "shop".into(),
            service_account: "web".into(),
            ..Pod::default()
        };
        let remote = |pod| {
            let remote = Remote {
                listener: "nodes".into(),
                address: "192.0.2.7".parse().expect("an address"),
                is_certified: false,
            };
            Caller::remote(remote, Some(Arc::new(pod)))
        };
        let shop = Selector {
            namespace: Some("shop".into()),
            ..Selector::default()
        };
        let selectors = [
            (shop.clone(), Selected::Yes),
            (
                Selector {
                    service_account: Some("web".into()),
                    ..shop.clone()
                },
                Selected::Yes,
            ),
            (
                Selector {
                    service_account: Some("admin".into()),
                    ..shop.clone()
                },
                Selected::No,
            ),
            // What may be so of it: who is denied by such a word is not let through for want of it.
            (
                Selector {
                    uid: Some(0),
                    ..shop.clone()
                },
                Selected::Unknown,
            ),
            (
                Selector {
                    pod_labels: vec![("app".into(), "web".into())],
                    ..shop.clone()
                },
                Selected::Unknown,
            ),
        ];
        for (selector, selected) in selectors {
            let caller = remote(pod.clone());
            assert_eq!(selector.selects(&caller), selected, "{selector:?}");
        }
        let alone = Pod {
            service_account: "".into(),
            ..pod
        };
        let web = Selector {
            service_account: Some("web".into()),
            ..shop
        };
        assert_eq!(web.selects(&remote(alone)), Selected::Unknown);
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
