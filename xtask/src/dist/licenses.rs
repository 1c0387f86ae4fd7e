//! The licences of the crates that are linked into the binary, and the notices that they ask for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::crates::{Crates, text};

/// How the names of files begin that have to go with a copy.
const TEXTS: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "NOTICE"];

/// The page: each text once, below the crates that it is of.
pub(crate) fn page(crates: &Crates) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut page = String::from(
        "Crates whose code is in egress, each with its licence:\n\nRust's standard library: MIT OR Apache-2.0\n",
    );
    for package in crates.linked() {
        let text = |key: &str| text(package, key);
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
