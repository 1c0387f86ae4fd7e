//! What pages, and files that name pages, lead to is there.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::assert_none;
use crate::pages::{self, Page};

/// Files that may name a page: manifests' alerts say which paragraph to read.
const NAMING: [&str; 7] = ["rs", "toml", "yaml", "yml", "json", "service", "tpl"];

/// A path without what `..` and `.` in it go back over.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// What is wrong with a link, from a page at this path.
fn broken(pages: &[Page], from: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = match path {
        "" => PathBuf::from(from),
        path => plain(&Path::new(from).parent()?.join(path)),
    };
    if !pages::root().join(&path).exists() {
        return Some(format!("{link}: there is no {}", path.display()));
    }
    let page = pages.iter().find(|page| Path::new(&page.path) == path);
    let there = |page: &Page| page.anchors.iter().any(|there| there == anchor);
    let is_broken = !anchor.is_empty() && page.is_some_and(|page| !there(page));
    is_broken.then(|| format!("{link}: no heading there has this anchor"))
}

/// What a text says is in `docs/`: paths from the repository's root, with anchors.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("docs/").filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_.#".contains(c));
        let name = rest
            .get(..end.unwrap_or(rest.len()))?
            .trim_end_matches(['.', '#']);
        // What ends so goes on with what is put in there.
        (name.contains(".md") && !name.ends_with('-')).then_some(name)
    })
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages::all();
    let mut wrong = Vec::new();
    for page in &pages {
        for (line, link) in &page.links {
            let why = broken(&pages, &page.path, link);
            wrong.extend(why.map(|why| format!("{}: {why}", page.at(*line))));
        }
    }
    assert_none(&wrong);
}

#[test]
fn what_other_files_say_of_the_pages_is_there() {
    let pages = pages::all();
    let mut wrong = Vec::new();
    let own = file!().rsplit('/').nth(1).expect("a directory");
    for path in pages::files(&NAMING) {
        if path.contains(&format!("tests/{own}/")) {
            continue;
        }
        let text = fs::read_to_string(pages::root().join(&path)).unwrap_or_default();
        let broken = named(&text).filter_map(|name| broken(&pages, "README.md", name));
        wrong.extend(broken.map(|why| format!("{path}: {why}")));
    }
    assert_none(&wrong);
}

#[test]
fn every_page_of_the_documentation_is_in_its_index() {
    let pages = pages::all();
    let index = pages
        .iter()
        .find(|page| page.path == "docs/README.md")
        .expect("the index");
    let missing = pages
        .iter()
        .filter_map(|page| page.path.strip_prefix("docs/"));
    let listed = |name: &str| {
        index
            .links
            .iter()
            .any(|(_, link)| link.split('#').next() == Some(name))
    };
    let missing = missing.filter(|name| *name != "README.md" && !listed(name));
    assert_none(
        &missing
            .map(|name| format!("docs/README.md has no link to {name}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_broken_link_is_found() {
    let page = Page::new("docs/bypass.md".into(), "# A heading\n".into());
    let pages = [page];
    let broken = |link| broken(&pages, "docs/bypass.md", link).is_some();
    assert!(!broken("../README.md") && !broken("#a-heading") && !broken("https://a.example/#b"));
    assert!(broken("README.txt") && broken("#another"));
    let text = "see `docs/a-b.md#c-d`, and https://x.example/docs/e.md.";
    assert_eq!(
        named(text).collect::<Vec<_>>(),
        ["docs/a-b.md#c-d", "docs/e.md"]
    );
}
