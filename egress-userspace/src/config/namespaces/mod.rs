//! `[namespaces]`: files in which namespaces write what their own pods may reach, within a ceiling.
//!
//! Who writes such a file may be hostile. It speaks for its own namespace alone, can only admit what its
//! ceiling has, and what is wrong with it is no error of the configuration: the last version of it that was
//! right stays in force, and that is told.

mod callers;
mod ceiling;
mod file;
mod files;
mod load;
mod own;
mod refused;
#[cfg(test)]
mod tests;
mod within;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_spanned::Spanned;

use super::ConfigErrors;
use super::paths::SidePath;
use super::problem::{Problem, Span};
use super::section::section;
use crate::types::{Ceiling, Service};
pub(super) use ceiling::RawCeiling;
#[cfg(test)]
pub(super) use ceiling::RawCeilingPort;

section! {
    /// `[namespaces]`: what namespaces may admit for themselves.
    pub(super) RawNamespaces = "namespaces", checked by bounds_something {
        /// A directory in which `NAME.toml` has services for the pods of the namespace NAME, as a path from this
        /// file's directory.
        files: Option<Spanned<SidePath>> = None;
        /// What these files may admit. A namespace without one admits nothing for itself.
        ceiling: Vec<Spanned<RawCeiling>> = Vec::new();
    }
}

fn bounds_something(namespaces: &RawNamespaces, _: &Span, problems: &mut Vec<Problem>) {
    if let (None, Some(ceiling)) = (&namespaces.files, namespaces.ceiling.first()) {
        let title = "a ceiling has no effect without namespaces' files";
        let label = "expected `files` in [namespaces]";
        problems.push(Problem::new(ceiling.span(), title, label));
    }
}

/// What namespaces have of their own.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    /// What they may have.
    pub ceilings: Vec<Ceiling>,
    /// Their files, in the order of their names.
    pub files: Vec<NamespaceFile>,
}

/// A namespace's file.
#[derive(Clone, Debug)]
pub struct NamespaceFile {
    /// The namespace, or what of the file's name should be one.
    pub namespace: Box<str>,
    /// The file.
    pub path: PathBuf,
    /// What of it is in force.
    pub force: Force,
    /// The services that are in force. All are for pods of the namespace, and within a ceiling.
    pub services: Vec<Service>,
    /// What is wrong with it.
    pub errors: Option<Arc<ConfigErrors>>,
}

/// What of a namespace's file is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// All.
    Whole,
    /// What is within a ceiling; some of it is not.
    Part,
    /// The last version of it that was right, as far as it is within a ceiling.
    Earlier,
    /// Nothing.
    Nothing,
}

impl Force {
    /// All.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Part, Self::Earlier, Self::Nothing];

    /// A word for it, in metrics and answers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
            Self::Earlier => "last_good",
            Self::Nothing => "nothing",
        }
    }

    /// The same in a sentence, of a file that something is wrong with.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Whole => "all of it is in force",
            Self::Part => "what of it is within a ceiling is in force",
            Self::Earlier => "its last version that was right stays in force",
            Self::Nothing => "nothing of it is in force",
        }
    }
}

impl Namespaces {
    /// Each namespace with the services that it has.
    pub fn services(&self) -> impl Iterator<Item = (&str, &[Service])> {
        let files = self.files.iter();
        files.map(|file| (&*file.namespace, file.services.as_slice()))
    }

    /// Takes out all services, which are many; tells how many.
    pub fn take_services(&mut self) -> usize {
        let taken = self
            .files
            .iter_mut()
            .map(|file| std::mem::take(&mut file.services).len());
        taken.sum()
    }

    /// The files that something is wrong with.
    pub fn wrong(&self) -> impl Iterator<Item = (&NamespaceFile, &ConfigErrors)> {
        let files = self.files.iter();
        files.filter_map(|file| Some((file, file.errors.as_deref()?)))
    }
}

/// The texts of namespaces' files as they last were right: what stays in force when one is wrong.
#[derive(Clone, Debug, Default)]
pub struct LastGood(BTreeMap<PathBuf, Arc<str>>);

impl LastGood {
    pub(super) fn get(&self, path: &Path) -> Option<&Arc<str>> {
        self.0.get(path)
    }

    pub(super) fn insert(&mut self, path: PathBuf, text: Arc<str>) {
        self.0.insert(path, text);
    }
}
