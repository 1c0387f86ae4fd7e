//! The crates that are linked into the binary.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use egress_tests::command;
use serde_json::Value;

use crate::workspace::cargo;

/// What is shipped: the gateway, and the kernel programs inside it.
const SHIPPED: [&str; 2] = ["egress-userspace", "egress-ebpf"];

/// What is known of all crates.
#[derive(Debug)]
pub(crate) struct Crates {
    metadata: Value,
    /// What each depends on in what is shipped, by their ids.
    below: BTreeMap<String, BTreeSet<String>>,
}

impl Crates {
    /// Those for this target, with these features.
    pub(crate) fn of(target: &str, features: Option<&str>) -> Result<Self> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--locked", "--format-version=1"]);
        metadata.arg(format!("--filter-platform={target}"));
        if let Some(features) = features {
            metadata.args(["--features", features]);
        }
        Ok(Self::read(serde_json::from_str(&command::stdout(
            &mut metadata,
        )?)?))
    }

    fn read(metadata: Value) -> Self {
        let below = list(metadata.pointer("/resolve/nodes"))
            .map(|node| {
                let linked = list(node.get("deps")).filter(|dependency| {
                    // The other kinds are for tests and builds.
                    list(dependency.get("dep_kinds"))
                        .any(|kind| kind.get("kind").is_none_or(Value::is_null))
                });
                let linked = linked.map(|dependency| text(dependency, "pkg").to_owned());
                (text(node, "id").to_owned(), linked.collect())
            })
            .collect();
        Self { metadata, below }
    }

    /// The packages that the shipped ones depend on, but for the workspace's own; by name.
    pub(crate) fn linked(&self) -> Vec<&Value> {
        let mut found: Vec<&str> = self
            .packages()
            .filter(|package| SHIPPED.contains(&text(package, "name")))
            .map(|package| text(package, "id"))
            .collect();
        let mut next = 0;
        while let Some(node) = found.get(next).copied() {
            next += 1;
            for id in self.below(node) {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        let mut linked: Vec<_> = self
            .packages()
            .filter(|package| !is_own(package) && found.contains(&text(package, "id")))
            .collect();
        linked.sort_by_key(|package| (text(package, "name"), text(package, "version")));
        linked
    }

    /// The ids of what a package depends on directly.
    pub(crate) fn below<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a str> {
        let below = self.below.get(id).into_iter().flatten();
        below.map(String::as_str)
    }

    /// The id of the gateway's own package.
    pub(crate) fn gateway(&self) -> Option<&str> {
        self.packages()
            .find(|package| text(package, "name") == SHIPPED[0])
            .map(|package| text(package, "id"))
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        list(self.metadata.get("packages"))
    }
}

/// A field that is a text; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_own(package: &Value) -> bool {
    package.get("source").is_none_or(Value::is_null)
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_for_tests_is_not_linked() {
        let package = |id: &str, name: &str, source: Value| serde_json::json!({ "id": id, "name": name, "version": "1.0.0", "source": source });
        let depends = |on: &str, kind: Value| serde_json::json!({ "pkg": on, "dep_kinds": [{ "kind": kind, "target": null }] });
        let crates = Crates::read(serde_json::json!({
            "packages": [
                package("0", "egress-userspace", Value::Null),
                package("1", "linked", "registry".into()),
                package("2", "below", "registry".into()),
                package("3", "tests-only", "registry".into()),
            ],
            "resolve": { "nodes": [
                { "id": "0", "deps": [depends("1", Value::Null), depends("3", "dev".into())] },
                { "id": "1", "deps": [depends("2", Value::Null)] },
            ] },
        }));
        let names: Vec<_> = crates.linked().iter().map(|p| text(p, "name")).collect();
        assert_eq!(names, ["below", "linked"]);
        let below: Vec<_> = crates.below("0").collect();
        assert_eq!(below, ["1"]);
    }
}
