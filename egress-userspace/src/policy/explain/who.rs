//! The caller of a question, as the policy knows callers.

use std::path::Path;
use std::sync::Arc;

use super::question::{InvalidQuestion, Who};
use crate::types::{Caller, CgroupId, PathPattern, Pod, Selector};

/// Longest text of a caller: the longest path that the kernel has (`PATH_MAX`).
const MAX_TEXT: usize = 4096;
/// Most labels: pods have a handful.
const MAX_LABELS: usize = 256;
/// Where systemd puts a unit that says nothing else.
const USUAL_SLICE: &str = "/system.slice";

impl Who {
    /// Whether nothing is said of it.
    pub(super) fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The caller, of whom no more is known than is said.
    pub(super) fn caller(&self) -> Result<Caller, InvalidQuestion> {
        self.check()?;
        let unknown = Caller::unknown(CgroupId(0));
        Ok(Caller {
            uid: self.uid.unwrap_or(unknown.uid),
            exe: self.exe.as_deref().map(|exe| Path::new(exe).into()),
            cgroup_path: self.cgroup_path().map(Into::into),
            pod: self.pod().map(Arc::new),
            ..unknown
        })
    }

    /// The cgroup that is said, or that a unit has if it is where units usually are.
    pub(super) fn cgroup_path(&self) -> Option<String> {
        let of_unit = |unit| format!("{USUAL_SLICE}/{unit}");
        // The kernel's paths end without one, but for the root's.
        let trimmed = |path: &String| match path.trim_end_matches('/') {
            "" => "/".into(),
            path => path.into(),
        };
        let unit = || self.unit.as_ref().map(of_unit);
        self.cgroup.as_ref().map(trimmed).or_else(unit)
    }

    /// A selector that means this caller; `None`: nothing is said of it, or it has a `*`, which would mean
    /// others too.
    pub(super) fn selector(&self) -> Option<Selector> {
        let pattern = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) if text.contains('*') => None,
            Some(text) => text.parse::<PathPattern>().ok().map(Some),
        };
        let word = |word: &Option<String>| word.as_deref().map(Into::into);
        let labels = self.pod_labels.iter();
        let selector = Selector {
            namespace: word(&self.namespace),
            service_account: word(&self.service_account),
            pod_labels: labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            cgroup: pattern(&self.cgroup.as_ref().and_then(|_| self.cgroup_path()))?,
            unit: pattern(&self.unit)?,
            exe: pattern(&self.exe)?,
            uid: self.uid,
        };
        (!self.is_unknown()).then_some(selector)
    }

    /// What is not said of a pod is empty, which no pod's is.
    fn pod(&self) -> Option<Pod> {
        let is_pod = self.namespace.is_some()
            || self.service_account.is_some()
            || !self.pod_labels.is_empty();
        let word = |word: &Option<String>| word.as_deref().unwrap_or_default().into();
        let labels = self.pod_labels.iter();
        is_pod.then(|| Pod {
            namespace: word(&self.namespace),
            service_account: word(&self.service_account),
            labels: labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            ..Pod::default()
        })
    }

    fn check(&self) -> Result<(), InvalidQuestion> {
        let wrong = |key, problem| Err(InvalidQuestion::Caller { key, problem });
        let texts = [
            ("cgroup", &self.cgroup),
            ("unit", &self.unit),
            ("exe", &self.exe),
            ("namespace", &self.namespace),
            ("service_account", &self.service_account),
        ];
        for (key, text) in texts {
            match text.as_deref() {
                Some("") => return wrong(key, "expected a text that is not empty"),
                Some(text) if text.len() > MAX_TEXT => return wrong(key, "longer than 4096 bytes"),
                Some(text) if ["cgroup", "exe"].contains(&key) && !text.starts_with('/') => {
                    return wrong(key, "expected a path that begins with `/`");
                }
                _ => {}
            }
        }
        let is_word = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        };
        for (key, text) in [
            ("namespace", &self.namespace),
            ("service_account", &self.service_account),
        ] {
            if text.as_deref().is_some_and(|text| !is_word(text)) {
                return wrong(key, "no name in Kubernetes");
            }
        }
        let mut labels = self.pod_labels.iter();
        if labels.len() > MAX_LABELS {
            return wrong("pod_labels", "more labels than a pod has");
        }
        if labels.any(|(k, v)| {
            k.is_empty() || k.len() + v.len() > MAX_TEXT || !is_word(k) || !is_word(v)
        }) {
            return wrong("pod_labels", "no label in Kubernetes");
        }
        if self.unit.is_some() && self.cgroup.is_some() {
            return wrong("unit", "a cgroup is given, which says the unit");
        }
        let is_unit = |unit: &String| {
            unit.contains('.') && !unit.contains('/') && unit.strip_suffix(".slice").is_none()
        };
        if self.unit.as_ref().is_some_and(|unit| !is_unit(unit)) {
            return wrong(
                "unit",
                "expected a unit with its type, such as backup.service, and no slice",
            );
        }
        Ok(())
    }
}
