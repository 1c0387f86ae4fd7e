//! The licences of the crates that are linked into the binary, and the notices that they ask for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use egress_tests::command;
use serde_json::Value;

use crate::workspace::cargo;

/// What is shipped: the gateway, and the kernel programs inside it.
const SHIPPED: [&str; 2] = ["egress-userspace", "egress-ebpf"];

/// How the names of files begin that have to go with a copy.
const TEXTS: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "NOTICE"];

/// The page: each text once, below the crates that it is of. Crates are those of the target, with these features.
pub(crate) fn page(target: &str, features: Option<&str>) -> Result<String> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--locked", "--format-version=1"]);
    metadata.arg(format!("--filter-platform={target}"));
    if let Some(features) = features {
        metadata.args(["--features", features]);
    }
    let metadata: Value = serde_json::from_str(&command::stdout(&mut metadata)?)?;
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut page = String::from(
        "Crates whose code is in egress, each with its licence:\n\nRust's standard library: MIT OR Apache-2.0\n",
    );
    for package in linked(&metadata) {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        writeln!(page, "{name}: {}", text("license"))?;
        let manifest = Path::new(text("manifest_path"));
        for file in files(manifest.parent().unwrap_or(manifest))? {
            texts.entry(file).or_default().push(name.clone());
        }
    }
    // In the order of the crates, not of the texts.
    let mut texts: Vec<_> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    texts.sort_unstable();
    for (crates, text) in texts {
        let line = "-".repeat(80);
        writeln!(
            page,
            "\n{line}\n{}\n{line}\n\n{}",
            crates.join(", "),
            text.trim_end()
        )?;
    }
    Ok(page)
}

/// The packages that the shipped ones depend on, other than for tests and builds; by name.
fn linked(metadata: &Value) -> Vec<&Value> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let nodes: BTreeMap<String, Vec<Value>> = list(metadata.pointer("/resolve/nodes"))
        .iter()
        .map(|node| (id(node, "id"), list(node.get("deps"))))
        .collect();
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages: Vec<_> = packages.into_iter().flatten().collect();
    let is_own = |package: &&&Value| package.get("source").is_none_or(Value::is_null);
    let mut found: Vec<String> = packages
        .iter()
        .filter(|package| SHIPPED.contains(&id(package, "name").as_str()))
        .map(|package| id(package, "id"))
        .collect();
    let mut next = 0;
    while let Some(node) = found.get(next).cloned() {
        next += 1;
        for dependency in nodes.get(&node).into_iter().flatten() {
            let kinds = list(dependency.get("dep_kinds"));
            let ships = kinds
                .iter()
                .any(|kind| kind.get("kind").is_none_or(Value::is_null));
            let dependency = id(dependency, "pkg");
            if ships && !found.contains(&dependency) {
                found.push(dependency);
            }
        }
    }
    let mut linked: Vec<_> = packages
        .into_iter()
        .filter(|package| found.contains(&id(package, "id")) && !is_own(&package))
        .collect();
    linked.sort_by_key(|package| (id(package, "name"), id(package, "version")));
    linked
}

fn id(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// The texts that a crate comes with.
fn files(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let is_text = |path: &&std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_uppercase();
        path.is_file() && TEXTS.iter().any(|begin| name.starts_with(begin))
    };
    Ok(paths
        .iter()
        .filter(is_text)
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_for_tests_is_not_linked() {
        let package = |id: &str, name: &str, source: Value| serde_json::json!({ "id": id, "name": name, "version": "1.0.0", "source": source });
        let depends = |on: &str, kind: Value| serde_json::json!({ "pkg": on, "dep_kinds": [{ "kind": kind, "target": null }] });
        let metadata = serde_json::json!({
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
        });
        let names: Vec<_> = linked(&metadata)
            .into_iter()
            .map(|p| id(p, "name"))
            .collect();
        assert_eq!(names, ["below", "linked"]);
    }
}
