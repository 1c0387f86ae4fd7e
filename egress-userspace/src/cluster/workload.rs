//! What pods are made by: their workload, as Istio names it.

use std::collections::BTreeMap;

use crate::types::Workload;

/// The label by which a Deployment tells its `ReplicaSet`s, and their names end with its value.
const TEMPLATE: &str = "pod-template-hash";
/// Digits of the minute at which a `CronJob`'s `Job` was due, by which that is called: of 1970 and later ones.
const DUE: std::ops::RangeInclusive<usize> = 8..=10;

/// The workload of a pod whose controller this is.
pub(super) fn workload(kind: &str, name: &str, labels: &BTreeMap<Box<str>, Box<str>>) -> Workload {
    let (kind, name) = match kind {
        "ReplicaSet" => deployment(name, labels).map_or((kind, name), |name| ("Deployment", name)),
        "Job" => cron_job(name).map_or((kind, name), |name| ("CronJob", name)),
        _ => (kind, name),
    };
    Workload {
        kind: kind.into(),
        name: name.into(),
    }
}

fn deployment<'a>(name: &'a str, labels: &BTreeMap<Box<str>, Box<str>>) -> Option<&'a str> {
    let hash = labels.get(TEMPLATE)?;
    let name = name.strip_suffix(&**hash)?.strip_suffix('-')?;
    Some(name).filter(|name| !name.is_empty())
}

fn cron_job(name: &str) -> Option<&str> {
    let (name, due) = name.rsplit_once('-')?;
    let is_due = DUE.contains(&due.len()) && due.bytes().all(|byte| byte.is_ascii_digit());
    (is_due && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_pods_maker_is_told_where_its_name_says_so() {
        let labels = BTreeMap::from([(TEMPLATE.into(), "6d4cf56db6".into())]);
        let none = BTreeMap::new();
        for (kind, name, labels, expected) in [
            (
                "ReplicaSet",
                "checkout-6d4cf56db6",
                &labels,
                ("Deployment", "checkout"),
            ),
            (
                "ReplicaSet",
                "checkout-6d4cf56db6",
                &none,
                ("ReplicaSet", "checkout-6d4cf56db6"),
            ),
            ("ReplicaSet", "other", &labels, ("ReplicaSet", "other")),
            (
                "ReplicaSet",
                "-6d4cf56db6",
                &labels,
                ("ReplicaSet", "-6d4cf56db6"),
            ),
            ("Job", "backup-28391234", &none, ("CronJob", "backup")),
            ("Job", "backup-2839123", &none, ("Job", "backup-2839123")),
            ("Job", "backup-2839123x", &none, ("Job", "backup-2839123x")),
            ("Job", "backup", &none, ("Job", "backup")),
            (
                "StatefulSet",
                "db-28391234",
                &labels,
                ("StatefulSet", "db-28391234"),
            ),
        ] {
            let Workload {
                kind: said,
                name: of,
            } = workload(kind, name, labels);
            assert_eq!((&*said, &*of), expected, "{kind} {name}");
        }
    }
}
