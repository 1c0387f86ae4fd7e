//! Which files there are, and what is read of them.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use crate::config::open_regular;

/// Most files: more namespaces than a cluster is built for would be 10,000, and those with egress of their
/// own are some of them. With [`MAX_FILE`] it bounds the text of all.
const MAX_FILES: usize = 4_096;
/// Most text of one file, in bytes: some hundred services.
const MAX_FILE: u64 = 64 << 10;
/// Longest name of a namespace (RFC 1123 section 2.1, as Kubernetes has it).
const MAX_NAME: usize = 63;

/// A file.
#[derive(Debug)]
pub(super) struct Found {
    /// The namespace, or what should be one.
    pub(super) namespace: Box<str>,
    pub(super) path: PathBuf,
    /// What it says, or why that is not known.
    pub(super) text: io::Result<String>,
}

/// Reads the files of a directory, in the order of their names: each that ends with `.toml` and does not begin
/// with a dot.
pub(super) fn find(directory: &Path) -> io::Result<Vec<Found>> {
    let within = fs::canonicalize(directory)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".toml"));
        // What begins with a dot is an editor's, or a ConfigMap's `..data`.
        let Some(stem) = stem.filter(|stem| !stem.starts_with('.')) else {
            continue;
        };
        names.push(stem.to_owned());
        if names.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
    }
    names.sort_unstable();
    let files = names.into_iter().map(|name| {
        let path = directory.join(format!("{name}.toml"));
        Found {
            text: text(&name, &path, &within),
            namespace: name.into(),
            path,
        }
    });
    Ok(files.collect())
}

fn text(name: &str, path: &Path, within: &Path) -> io::Result<String> {
    if !is_namespace(name) {
        return Err(io::Error::other(
            "not named for a namespace: lower-case letters, digits and `-`, at most 63",
        ));
    }
    let file = open_regular(path)?;
    // A link of a repository that many write to may lead to any file of the node, and to another when it is
    // looked at again: what counts is what was opened.
    let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if !opened.starts_with(within) {
        return Err(io::Error::other("a link that leads out of its directory"));
    }
    let mut text = String::new();
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text)? as u64;
    if length > MAX_FILE {
        return Err(io::Error::other(format!("longer than {MAX_FILE} bytes")));
    }
    Ok(text)
}

fn is_namespace(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
