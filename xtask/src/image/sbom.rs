//! What the image is made of, for who looks for what is vulnerable: a `CycloneDX` 1.6 bill of materials.
//!
//! cargo-cyclonedx writes one of a package alone, and knows nothing of what lies beside the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::debian::Package;
use crate::dist::crates::{Crates, text};
use crate::dist::release::Release;
use crate::workspace::root;

/// The program's own place in the graph.
const EGRESS: &str = "egress";

/// What of `Cargo.lock` is of use.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of the crates that are linked, and of these packages; a text.
pub(super) fn bill(
    crates: &Crates,
    packages: &BTreeSet<Package>,
    release: &Release,
) -> Result<String> {
    let sums = sums()?;
    let linked = crates.linked();
    let ids: BTreeSet<_> = linked.iter().map(|package| text(package, "id")).collect();
    let mut components: Vec<_> = linked
        .iter()
        .map(|package| of_crate(package, &sums))
        .collect();
    let below = |id: &str| -> Vec<_> { crates.below(id).filter(|id| ids.contains(id)).collect() };
    let mut dependencies: Vec<_> = ids
        .iter()
        .map(|id| json!({ "ref": id, "dependsOn": below(id) }))
        .collect();

    let gateway = crates.gateway().context("the gateway is no package")?;
    let mut own: Vec<_> = below(gateway).into_iter().map(str::to_owned).collect();
    own.extend(packages.iter().map(Package::purl));
    dependencies.push(json!({ "ref": EGRESS, "dependsOn": own }));
    components.extend(packages.iter().map(of_debian));
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": release.date("+%Y-%m-%dT%H:%M:%SZ")?,
            "component": {
                "type": "application",
                "bom-ref": EGRESS,
                "name": EGRESS,
                "version": release.version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{bill:#}\n"))
}

fn of_debian(package: &Package) -> Value {
    json!({
        "type": "library",
        "bom-ref": package.purl(),
        "name": package.name,
        "version": package.version,
        "purl": package.purl(),
    })
}

fn of_crate(package: &Value, sums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let mut component = json!({
        "type": "library",
        "bom-ref": text(package, "id"),
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
        // As cargo writes it where a crate still does as it once was right.
        "licenses": [{ "expression": text(package, "license").replace('/', " OR ") }],
    });
    if let Some(sum) = sums.get(&(name.to_owned(), version.to_owned())) {
        let hashes = json!([{ "alg": "SHA-256", "content": sum }]);
        component
            .as_object_mut()
            .map(|fields| fields.insert("hashes".into(), hashes));
    }
    component
}

/// The sums of the crates' archives.
fn sums() -> Result<BTreeMap<(String, String), String>> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let lock: Lock = toml::from_str(&lock).context("cannot understand Cargo.lock")?;
    let sums = lock.package.into_iter().filter_map(|package| {
        let sum = package.checksum?;
        Some(((package.name, package.version), sum))
    });
    Ok(sums.collect())
}
