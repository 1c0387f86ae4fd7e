//! What only the cluster's file may say, and why.

use toml::de::{DeTable, DeValue};

use crate::config::RawConfig;
use crate::config::problem::{Problem, list};
use crate::config::section::Section as _;

/// A key, and why a namespace may not say it.
type Refused = (&'static str, &'static str);

const TERMS: &str = "the ceiling says it for all services below it";
const NODE: &str = "what runs on the node is the cluster's to tell apart";

/// Keys of a service.
const SERVICE: [Refused; 9] = [
    (
        "deny",
        "what the cluster's file admits is not a namespace's to deny, and all else is denied already",
    ),
    (
        "location",
        "the names of a service inside the mesh may have private addresses",
    ),
    ("endpoints", "they may be anywhere, also inside the cluster"),
    ("trust", TERMS),
    ("ech", TERMS),
    ("http", TERMS),
    ("on_revoke", TERMS),
    (
        "subject_alt_names",
        "a namespace's service originates no TLS",
    ),
    (
        "traffic_policy",
        "it names files of the node, and spends what all namespaces share",
    ),
];

/// Keys of its ports.
const PORT: [Refused; 2] = [
    (
        "target_port",
        "the port that is dialled is the one that the ceiling has",
    ),
    ("name", "only endpoints ask for it"),
];

/// Keys of its callers.
const FROM: [Refused; 6] = [
    (
        "namespace",
        "the file speaks for its own namespace alone, and needs not say so",
    ),
    ("cgroup", NODE),
    ("unit", NODE),
    ("exe", NODE),
    ("uid", NODE),
    ("user", NODE),
];

/// Takes out what a namespace may not say, with an error for each.
pub(super) fn take_out(root: &mut DeTable<'_>, problems: &mut Vec<Problem>) {
    let elsewhere = RawConfig::KEYS.iter().filter(|key| **key != "service");
    for (key, _) in elsewhere.filter_map(|key| root.remove_entry(*key)) {
        let title = format!("`{}` belongs in the cluster's file", key.get_ref());
        let label = "expected only [[service]] in a namespace's file";
        problems.push(Problem::new(key.span(), title, label));
    }
    each(root, "service", |service| {
        refuse(service, "service", &SERVICE, problems);
        each(service, "ports", |port| {
            refuse(port, "service.ports", &PORT, problems);
        });
        each(service, "from", |from| {
            refuse(from, "from", &FROM, problems);
        });
    });
}

fn refuse(table: &mut DeTable<'_>, name: &str, refused: &[Refused], problems: &mut Vec<Problem>) {
    for (key, why) in refused {
        let Some((place, _)) = table.remove_entry(*key) else {
            continue;
        };
        let title = format!("{} is not for a namespace's file to say", list(&[*key]));
        let problem = Problem::new(place.span(), title, "expected no such key here");
        problems.push(problem.about(format!("{name}.{key}")).help(*why));
    }
}

/// Looks at each table of the array that `key` has.
fn each(table: &mut DeTable<'_>, key: &str, mut look: impl FnMut(&mut DeTable<'_>)) {
    let Some(value) = table.get_mut(key) else {
        return;
    };
    let DeValue::Array(items) = value.get_mut() else {
        return;
    };
    for item in items.iter_mut() {
        if let DeValue::Table(table) = item.get_mut() {
            look(table);
        }
    }
}
