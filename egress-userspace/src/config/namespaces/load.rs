//! Reads the files of namespaces that a configuration names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{Evaluated, Text, evaluate};
use super::files::{Found, find};
use super::{Force, NamespaceFile};
use crate::config::load::Loader;
use crate::config::problem::Problem;
use crate::config::registry::Settings;
use crate::config::{ConfigErrors, RawConfig};
use crate::types::{Ceiling, Place};

impl Loader {
    /// Takes out the ceilings.
    pub(in crate::config) fn ceilings(
        &self,
        raw: &mut RawConfig,
        start: usize,
        settings: &Settings,
    ) -> Vec<Ceiling> {
        let ceilings = std::mem::take(&mut raw.namespaces.ceiling).into_iter();
        let placed = ceilings.map(|ceiling| {
            let line = self.sources.line(start + ceiling.span().start);
            let place = line.map(|line| Place {
                file: Arc::clone(&line.source.name),
                line: u32::try_from(line.number).unwrap_or(u32::MAX),
            });
            let ceiling = ceiling.into_inner();
            ceiling.into_ceiling(place.unwrap_or_default(), settings)
        });
        placed.collect()
    }

    /// Reads the files of namespaces. What is wrong with one is no error of the configuration, and concerns no
    /// other.
    pub(in crate::config) fn namespaces(
        &mut self,
        raw: &RawConfig,
        start: usize,
        path: &Path,
        ceilings: &[Ceiling],
        settings: &Settings,
    ) -> Vec<NamespaceFile> {
        let Some(named) = &raw.namespaces.files else {
            return Vec::new();
        };
        let directory = named.get_ref().beside(path);
        self.directories.push(directory.clone());
        let found = self.apart(&directory).and_then(|()| find(&directory));
        match found {
            Ok(found) => {
                let files = found.into_iter();
                files
                    .map(|found| self.namespace(found, ceilings, settings))
                    .collect()
            }
            Err(error) => {
                let title = format!("{}: {error}", directory.display());
                let label = "expected a directory with namespaces' files";
                let problem = Problem::new(named.span(), title, label);
                let problem = problem.about("namespaces.files".into());
                self.problems.push(problem.moved(start));
                Vec::new()
            }
        }
    }

    /// What a namespace writes must not be read as the cluster's, too.
    fn apart(&self, directory: &Path) -> io::Result<()> {
        let within = fs::canonicalize(directory)?;
        let is_within =
            |path: &&PathBuf| fs::canonicalize(path).is_ok_and(|path| path.starts_with(&within));
        let mut trusted = self.files.iter().filter(|path| !self.own.contains(*path));
        trusted.find(is_within).map_or(Ok(()), |path| {
            let path = path.display();
            Err(io::Error::other(format!(
                "{path} is in it, which is read as the cluster's own"
            )))
        })
    }

    fn namespace(
        &mut self,
        found: Found,
        ceilings: &[Ceiling],
        settings: &Settings,
    ) -> NamespaceFile {
        let Found {
            namespace,
            path,
            text,
        } = found;
        self.files.push(path.clone());
        self.own.insert(path.clone());
        let name: Arc<str> = path.display().to_string().into();
        let evaluated = |text: Arc<str>| {
            let text = Text {
                namespace: namespace.clone(),
                name: Arc::clone(&name),
                content: text,
            };
            Version {
                evaluated: evaluate(&text, ceilings, settings),
                text: text.content,
            }
        };
        let now = match text {
            Ok(text) => evaluated(text.into()),
            Err(error) => Version::unreadable(&name, &error),
        };
        let errors = now.errors(&name);
        let earlier = || self.last_good.get(&path).cloned().map(evaluated);
        let (force, version) = if now.is_right() {
            (now.force(), now)
        } else {
            let earlier = earlier().filter(Version::is_right);
            earlier.map_or((Force::Nothing, now), |earlier| (Force::Earlier, earlier))
        };
        if version.is_right() {
            let text = Arc::clone(&version.text);
            self.good.insert(path.clone(), text);
        }
        self.sources.add(name, version.text.to_string());
        NamespaceFile {
            namespace,
            path,
            force,
            services: version.evaluated.services,
            errors,
        }
    }
}

/// A text, and what it says.
struct Version {
    text: Arc<str>,
    evaluated: Evaluated,
}

impl Version {
    fn unreadable(name: &str, error: &io::Error) -> Self {
        let title = format!("{name}: {error}");
        let problem = Problem::new(0..0, title, "expected a namespace's file");
        Self {
            text: Arc::default(),
            evaluated: Evaluated {
                wrong: vec![problem],
                ..Evaluated::default()
            },
        }
    }

    /// Whether nothing is wrong with it, but that some of it may be beyond the ceilings.
    fn is_right(&self) -> bool {
        self.evaluated.wrong.is_empty()
    }

    /// What of it is in force, if it is right.
    fn force(&self) -> Force {
        let Evaluated {
            services, beyond, ..
        } = &self.evaluated;
        match (beyond.is_empty(), services.is_empty()) {
            (true, _) => Force::Whole,
            (false, false) => Force::Part,
            (false, true) => Force::Nothing,
        }
    }

    fn errors(&self, name: &Arc<str>) -> Option<Arc<ConfigErrors>> {
        let Evaluated { wrong, beyond, .. } = &self.evaluated;
        let problems: Vec<_> = wrong.iter().chain(beyond).cloned().collect();
        if problems.is_empty() {
            return None;
        }
        let errors = ConfigErrors::of_one(Arc::clone(name), &self.text, problems);
        Some(Arc::new(errors))
    }
}
