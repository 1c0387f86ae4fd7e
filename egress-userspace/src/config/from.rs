//! `from`: who is meant, in services and in routes.

use nix::unistd::User;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::{Problem, Span};
use super::schema::{Described, Schema};
use super::section::section;
use super::value::{Given, Reject, Value, given, string, wrong_kind};
use crate::types::{PathPattern, PathPatternError, Selector};

/// Longest name of an object in Kubernetes.
const MAX_POD_WORD: usize = 253;
/// Longest value, and longest part of a key, of a label in Kubernetes.
const MAX_LABEL: usize = 63;
/// Where cgroup v2 is mounted on nearly every system; only to give advice.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";

section! {
    /// A caller as the file describes it.
    pub(super) RawSelector = "from", checked by means_someone {
        /// The pod's namespace.
        namespace: Option<Spanned<PodWord>> = None;
        /// The pod's service account.
        service_account: Option<Spanned<PodWord>> = None;
        /// Labels that the pod has.
        pod_labels: PodLabels = PodLabels::default();
        /// The cgroup, or one above it; a `*` stands for text without a `/`.
        cgroup: Option<Spanned<CgroupPattern>> = None;
        /// The unit of the node's systemd, with its type; a `*` stands for any text. A cgroup inside a unit
        /// that is called as another unit is not it.
        unit: Option<Spanned<UnitPattern>> = None;
        /// The executable's path; a `*` stands for text without a `/`.
        exe: Option<Spanned<ExePattern>> = None;
        /// The real user id.
        // The largest number is no user: the kernel uses it for "none".
        uid: Given<u32> = Given(None), within given(0..=u32::MAX - 1);
        /// The real user, by the name that this node has for it.
        user: Option<Spanned<KnownUser>> = None;
    }
}

/// The name of a namespace or a service account.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodWord(pub(super) Box<str>);

/// Labels, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PodLabels(pub(super) Vec<(Box<str>, Box<str>)>);

/// The path of a cgroup.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CgroupPattern(PathPattern);

/// The name of a systemd unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UnitPattern(PathPattern);

/// The path of an executable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExePattern(PathPattern);

/// The id of a user of this node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KnownUser(u32);

impl Value for Selector {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let raw = RawSelector::read(value, problems)?;
        let word = |word: Option<Spanned<PodWord>>| word.map(|word| word.into_inner().0);
        Some(Self {
            namespace: word(raw.namespace),
            service_account: word(raw.service_account),
            pod_labels: raw.pod_labels.0,
            cgroup: raw.cgroup.map(|cgroup| cgroup.into_inner().0),
            unit: raw.unit.map(|unit| unit.into_inner().0),
            exe: raw.exe.map(|exe| exe.into_inner().0),
            uid: raw.uid.0.or(raw.user.map(|user| user.get_ref().0)),
        })
    }
}

impl Described for Selector {
    fn schema() -> Schema {
        RawSelector::schema()
    }
}

fn means_someone(selector: &RawSelector, span: &Span, problems: &mut Vec<Problem>) {
    if *selector == RawSelector::default() {
        let label = "expected at least one key that says who is meant";
        let problem = Problem::new(span.clone(), "an empty table means everyone", label);
        problems.push(problem.help("for everyone, leave `from` out"));
    }
    if selector.uid.0.is_some()
        && let Some(user) = &selector.user
    {
        let title = "`uid` and `user` say the same thing twice";
        problems.push(Problem::new(user.span(), title, "expected one of them"));
    }
}

impl PodWord {
    pub(super) fn into_word(self) -> Box<str> {
        self.0
    }
}

impl Value for PodWord {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "lower-case letters, digits, `-` and `.`, at most 253";
        string(value, problems, expected, |text| {
            if !is_pod_word(text) {
                return Err(Reject::new(format!("{text:?} is no name in Kubernetes")));
            }
            Ok(Self(text.into()))
        })
    }
}

/// Whether something in Kubernetes may be called so.
pub(super) fn is_pod_word(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    !text.is_empty() && text.len() <= MAX_POD_WORD && text.bytes().all(allowed)
}

impl Value for PodLabels {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(labels) = value.get_ref().as_table() else {
            let expected = "labels with their values, as in { app = \"billing\" }";
            problems.push(wrong_kind(value, "a table", expected));
            return None;
        };
        let mut read = Vec::with_capacity(labels.len());
        for (key, value) in labels {
            let text = key.get_ref().as_ref();
            if !is_label_key(text) {
                let title = format!("{text:?} is no label's key in Kubernetes");
                let label = "expected a key such as `app` or `example.com/team`";
                problems.push(Problem::new(key.span(), title, label));
            }
            let expected = "letters, digits, `-`, `_` and `.`, at most 63";
            read.extend(string(value, problems, expected, |value| {
                if !is_label_word(value) {
                    return Err(Reject::new(format!("{value:?} is no label's value")));
                }
                Ok((text.into(), value.into()))
            }));
        }
        Some(Self(read))
    }
}

fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key
        .rsplit_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| !prefix.is_empty() && prefix.len() <= MAX_POD_WORD;
    prefix.is_none_or(is_prefix) && !name.is_empty() && is_label_word(name)
}

fn is_label_word(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= MAX_LABEL && text.bytes().all(allowed)
}

impl Value for CgroupPattern {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a path below the cgroup v2 mount, such as \"/system.slice/*\"";
        string(value, problems, expected, |text| {
            if let Some(below) = text.strip_prefix(USUAL_MOUNT)
                && below.starts_with('/')
            {
                let reject = Reject::new("the path has the mount in it");
                return Err(reject.help(format!("write \"{below}\"")));
            }
            rooted(text).map(Self)
        })
    }
}

impl Value for ExePattern {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "an executable's path, such as \"/usr/bin/curl\"";
        string(value, problems, expected, |text| rooted(text).map(Self))
    }
}

impl Value for UnitPattern {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a unit with its type, such as \"backup.service\" or \"worker@*.service\"";
        string(value, problems, expected, |text| {
            if text.contains('/') {
                let reject = Reject::new(format!("{text:?} is a path, not a unit's name"));
                return Err(reject.help("put it in `cgroup`"));
            }
            if !text.contains(['.', '*']) {
                let reject = Reject::new(format!("{text:?} has no type: no unit is called so"));
                return Err(reject.help(format!("write \"{text}.service\"")));
            }
            if text.strip_suffix(".slice").is_some() {
                let reject = Reject::new(format!("{text:?} is a slice, which units are in"));
                return Err(
                    reject.help("put its path in `cgroup`, as in \"/user.slice/user-1000.slice\"")
                );
            }
            pattern(text).map(Self)
        })
    }
}

impl Value for KnownUser {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(
            value,
            problems,
            "the name of a user of this node",
            |text| match User::from_name(text) {
                Ok(Some(user)) => Ok(Self(user.uid.as_raw())),
                Ok(None) => {
                    let reject = Reject::new(format!("this node has no user {text:?}"));
                    Err(reject.help("a user of containers alone is named by its number: `uid`"))
                }
                Err(error) => Err(Reject::new(format!(
                    "the user {text:?} cannot be looked up: {}",
                    error.desc()
                ))),
            },
        )
    }
}

fn rooted(text: &str) -> Result<PathPattern, Reject> {
    if !text.starts_with('/') {
        return Err(Reject::new(format!("{text:?} does not begin with `/`")));
    }
    pattern(text)
}

fn pattern(text: &str) -> Result<PathPattern, Reject> {
    text.parse().map_err(|error| {
        let help = match &error {
            PathPatternError::Stars => Some("a cgroup's pattern also means all cgroups below"),
            PathPatternError::Empty => Some("for everyone, leave `from` out"),
            PathPatternError::Component(_) => None,
        };
        Reject::new(error).maybe_help(help.map(Into::into))
    })
}
