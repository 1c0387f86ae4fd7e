//! The documentation that is shipped: each file in the place that it has in the repository, so that links lead where
//! they lead there.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::stage::{DOC, put};
use crate::workspace::root;

/// The pages, and what they link to and people use: examples, alerts, a dashboard, the unit.
const SHIPPED: [&str; 6] = [
    "README.md",
    "config",
    "deploy/grafana",
    "deploy/prometheus",
    "deploy/systemd",
    "docs",
];

/// Puts them below `staged`.
pub(super) fn fill(staged: &Path) -> Result<()> {
    let tracked = tracked()?;
    let mut pages = Vec::new();
    for path in tracked.lines() {
        let bytes = fs::read(root().join(path)).with_context(|| format!("cannot read {path}"))?;
        put(staged, &format!("{DOC}/{path}"), &bytes)?;
        if is_page(path) {
            pages.push((path, String::from_utf8(bytes).context("not a text")?));
        }
    }
    for (path, text) in pages {
        let staged_page = staged.join(DOC).join(path);
        let here = staged_page.parent().unwrap_or(staged);
        let text = without_links(&text, |link| is_relative(link) && !leads(here, link));
        put(staged, &format!("{DOC}/{path}"), text.as_bytes())?;
    }
    Ok(())
}

/// The files that are shipped, of those that belong to the repository: a line each.
fn tracked() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "--"]);
    command::stdout(git.args(SHIPPED))
}

fn is_page(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "md")
}

/// Whether a link is to another file of the repository.
fn is_relative(link: &str) -> bool {
    !link.starts_with('#') && !link.contains(':')
}

/// Whether a relative link of a page in this directory leads to something.
fn leads(here: &Path, link: &str) -> bool {
    let path = link.split('#').next().unwrap_or_default();
    here.join(path).exists()
}

/// A page in which the links that are `dead` are their text, and no more: what is only in the repository.
fn without_links(page: &str, dead: impl Fn(&str) -> bool) -> String {
    let mut text = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after;
        match (after.split_once(')'), opening(&text)) {
            (Some((link, behind)), Some(at)) if dead(link) => {
                text.remove(at);
                rest = behind;
            }
            _ => text.push_str("]("),
        }
    }
    text.push_str(rest);
    text
}

/// Where the bracket is that the next one to close belongs to.
fn opening(text: &str) -> Option<usize> {
    let mut closed = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b']' => closed += 1,
            b'[' if closed == 0 => return Some(at),
            b'[' => closed -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_is_its_text() {
        let page = "[a [b]](x) and ![c](y)[d](x#e), f](x) [g](z";
        let text = without_links(page, |link| link.starts_with('x'));
        assert_eq!(text, "a [b] and ![c](y)d, f](x) [g](z");
    }

    #[test]
    fn every_link_between_shipped_pages_leads_to_one() -> Result<()> {
        let staged = std::env::temp_dir().join(format!("egress-documents-{}", std::process::id()));
        let filled = fill(&staged);
        let links = links(&staged);
        fs::remove_dir_all(&staged)?;
        filled?;
        let links = links?;
        let dead: Vec<_> = links.iter().filter(|(_, leads)| !leads).collect();
        assert!(dead.is_empty(), "{dead:?}");
        for link in [
            "docs/README.md: ../README.md",
            "config/README.md: egress.schema.json",
            "docs/observability.md: ../deploy/prometheus/alerts.yaml",
            "docs/top.md: status-page.png",
        ] {
            assert!(links.iter().any(|(found, _)| found == link), "{link}");
        }
        assert!(!links.iter().any(|(link, _)| link == "README.md: xtask"));
        Ok(())
    }

    /// The relative links of all pages below `staged`, as `page: link`, and whether they lead to something.
    fn links(staged: &Path) -> Result<Vec<(String, bool)>> {
        let doc = staged.join(DOC);
        let mut links = Vec::new();
        for page in tracked()?.lines().filter(|path| is_page(path)) {
            let path = doc.join(page);
            let text = fs::read_to_string(&path)?;
            let here = path.parent().context("no directory")?;
            let found = text.split("](").skip(1);
            let found = found.filter_map(|link| link.split(')').next());
            let relative = found.filter(|link| is_relative(link));
            links.extend(relative.map(|link| (format!("{page}: {link}"), leads(here, link))));
        }
        Ok(links)
    }
}
