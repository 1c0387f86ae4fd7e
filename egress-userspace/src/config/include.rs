//! `include`: which files belong to a configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::Problem;
use super::value::{Reject, Value, string};
use crate::types::PathPattern;

/// Most files that one pattern may find: each is a file to read, and to watch.
const MAX_FOUND: usize = 4096;

/// A file, or those in one directory whose names fit a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Include {
    directory: PathBuf,
    name: Name,
}

#[derive(Clone, Debug, PartialEq)]
enum Name {
    Exact(String),
    Pattern(PathPattern),
}

impl Include {
    /// The directory in which a file may appear; `None`: it is one file, whose name is known.
    pub(super) fn directory(&self, main: &Path) -> Option<PathBuf> {
        matches!(self.name, Name::Pattern(_)).then(|| self.beside(main))
    }

    /// The files, in the order of their names. That a pattern finds none is no error; but without its
    /// directory all that is denied there would be denied no more, and nobody would be told.
    pub(super) fn find(&self, main: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = self.beside(main);
        let pattern = match &self.name {
            Name::Exact(name) => return Ok(vec![directory.join(name)]),
            Name::Pattern(pattern) => pattern,
        };
        let mut found = Vec::new();
        let here = Path::new(".");
        let listed = if directory == Path::new("") {
            here
        } else {
            &directory
        };
        for entry in fs::read_dir(listed)? {
            let name = entry?.file_name();
            let path = directory.join(&name);
            // What begins with a dot is an editor's, or a ConfigMap's `..data`.
            let fits = |name: &str| !name.starts_with('.') && pattern.is_match(name);
            if name.to_str().is_some_and(fits) && !path.is_dir() {
                found.push(path);
            }
            if found.len() > MAX_FOUND {
                return Err(io::Error::other(format!("more than {MAX_FOUND} files")));
            }
        }
        found.sort();
        Ok(found)
    }

    fn beside(&self, main: &Path) -> PathBuf {
        match main.parent() {
            Some(parent) => parent.join(&self.directory),
            None => self.directory.clone(),
        }
    }
}

impl Value for Include {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a path from this file's directory, such as \"services.d/*.toml\"";
        string(value, problems, expected, |text| {
            let (directory, name) = match text.rsplit_once('/') {
                Some(("", name)) => ("/", name),
                Some(split) => split,
                None => ("", text),
            };
            if matches!(name, "" | "." | "..") || text.contains('\0') {
                return Err(Reject::new(format!("{text:?} names no file")));
            }
            if directory.contains('*') {
                return Err(Reject::new(
                    "a `*` stands only in the name, not in the directory",
                ));
            }
            let name = if name.contains('*') {
                Name::Pattern(name.parse().map_err(Reject::new)?)
            } else {
                Name::Exact(name.to_owned())
            };
            let directory = directory.into();
            Ok(Self { directory, name })
        })
    }
}
