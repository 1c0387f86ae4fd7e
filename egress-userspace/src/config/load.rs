//! Reads a file with all that it names: the files that it includes, and its shadow.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc::O_NONBLOCK;

use super::namespaces::{LastGood, Namespaces};
use super::problem::Problem;
use super::registry::{Registry, Settings};
use super::sources::Sources;
use super::text::{self, RawPart};
use super::{RawConfig, ShadowPolicy};
use crate::types::{Route, Service};

/// Most text of a configuration, in all its files. A registry of a million services has some 130 MiB;
/// more than this is no configuration, and reading it would only take the node's memory.
pub(super) const MAX_TEXT: u64 = 256 << 20;

/// What was read so far, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Loader {
    pub(super) sources: Sources,
    pub(super) problems: Vec<Problem>,
    /// The files that were read, and those that were looked for.
    pub(super) files: Vec<PathBuf>,
    /// The directories in which files were looked for.
    pub(super) directories: Vec<PathBuf>,
    /// What namespaces' files were when they last were right.
    pub(super) last_good: LastGood,
    /// The same with what was read.
    pub(super) good: LastGood,
    /// Those of the files that namespaces write.
    pub(super) own: HashSet<PathBuf>,
    length: u64,
}

/// A whole file, with the entries of those that it includes.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) raw: RawConfig,
    pub(super) services: Vec<Service>,
    pub(super) routes: Vec<Route>,
    /// What namespaces have of their own.
    pub(super) namespaces: Namespaces,
    /// Where the file's positions begin.
    start: usize,
}

/// Opens a file that is one: a pipe would have to be waited for, and a device may have no end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // Else a pipe that nobody writes to holds the opener.
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let message = "not a regular file";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

impl Loader {
    /// For a configuration of which the files of namespaces were right before.
    pub(super) fn after(last_good: LastGood) -> Self {
        Self {
            last_good,
            ..Self::default()
        }
    }

    /// Reads the text of `path`.
    pub(super) fn text(&mut self, path: &Path) -> io::Result<String> {
        // The main file may be a pipe, from which it is read once.
        let is_main = self.files.is_empty();
        self.files.push(path.to_owned());
        let mut text = String::new();
        let room = MAX_TEXT - self.length;
        let file = if is_main {
            File::open(path)?
        } else {
            open_regular(path)?
        };
        let length = file.take(room + 1).read_to_string(&mut text)? as u64;
        if length > room {
            let message = match self.length {
                0 => format!("longer than {MAX_TEXT} bytes: not a configuration"),
                _ => format!("with the files before it, longer than {MAX_TEXT} bytes"),
            };
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.length += length;
        Ok(text)
    }

    /// Reads a whole configuration's text. What it includes is read if it is a file: `path`.
    pub(super) fn main(&mut self, name: &str, text: String, path: Option<&Path>) -> Option<Loaded> {
        let before = self.problems.len();
        let mut registry = Registry::default();
        let start = self.sources.next_start();
        let mut raw: RawConfig = self.read(name, text, &mut registry)?;
        let mut is_whole = true;
        if let Some(path) = path {
            is_whole = self.include(&raw, start, path, &mut registry);
        }
        let settings = Settings {
            listen_port: raw.gateway.listen_port,
            forwarder: raw.dns.forwarder,
            on_revoke: raw.gateway.on_revoke,
        };
        registry.check(&settings, is_whole, &mut self.problems);
        let mut namespaces = Namespaces {
            ceilings: self.ceilings(&mut raw, start, &settings),
            files: Vec::new(),
        };
        if self.problems.len() == before
            && let Some(path) = path
        {
            namespaces.files = self.namespaces(&raw, start, path, &namespaces.ceilings, &settings);
        }
        let (services, routes) = if self.problems.len() == before {
            registry.into_parts(&settings)
        } else {
            Default::default()
        };
        Some(Loaded {
            raw,
            services,
            routes,
            namespaces,
            start,
        })
    }

    /// Reads the file that is judged beside `main`, if it names one.
    pub(super) fn shadow(&mut self, main: &Loaded, path: &Path) -> Option<Box<ShadowPolicy>> {
        let named = main.raw.gateway.shadow.as_ref()?;
        let main_path = path;
        let path = named.get_ref().beside(path);
        let is_main = |main: PathBuf| fs::canonicalize(&path).is_ok_and(|path| path == main);
        if fs::canonicalize(main_path).is_ok_and(is_main) {
            let title = "the shadow is this file itself";
            let problem = Problem::new(named.span(), title, "expected another file");
            let problem = problem.about("gateway.shadow".into());
            self.problems.push(problem.moved(main.start));
            return None;
        }
        let name = path.display().to_string();
        let text = match self.text(&path) {
            Ok(text) => text,
            Err(error) => {
                let label = "expected a configuration file";
                let problem = Problem::new(named.span(), format!("{name}: {error}"), label);
                let problem = problem.about("gateway.shadow".into());
                self.problems.push(problem.moved(main.start));
                return None;
            }
        };
        let Loaded {
            raw,
            services,
            routes,
            namespaces,
            ..
        } = self.main(&name, text, Some(&path))?;
        Some(Box::new(ShadowPolicy {
            mode: raw.gateway.mode,
            outbound_traffic_policy: raw.gateway.outbound_traffic_policy,
            services,
            routes,
            namespaces,
        }))
    }

    /// Reads the files that `main` includes; tells whether all of them were read.
    fn include(
        &mut self,
        raw: &RawConfig,
        start: usize,
        main: &Path,
        registry: &mut Registry,
    ) -> bool {
        // A file that two patterns find, or that includes itself, is read once.
        let mut seen: HashSet<_> = fs::canonicalize(main).into_iter().collect();
        let mut is_whole = true;
        for include in &raw.include {
            let cannot = |path: &Path, error: io::Error| {
                let title = format!("{}: {error}", path.display());
                let problem = Problem::new(include.span(), title, "expected files to read");
                problem.about("include".into()).moved(start)
            };
            self.directories.extend(include.get_ref().directory(main));
            let found = match include.get_ref().find(main) {
                Ok(found) => found,
                Err(error) => {
                    let directory = include.get_ref().directory(main).unwrap_or_default();
                    self.problems.push(cannot(&directory, error));
                    is_whole = false;
                    continue;
                }
            };
            for path in found {
                if fs::canonicalize(&path).is_ok_and(|path| !seen.insert(path)) {
                    continue;
                }
                match self.text(&path) {
                    Ok(text) => {
                        let name = path.display().to_string();
                        is_whole &= self.read::<RawPart>(&name, text, registry).is_some();
                    }
                    Err(error) => {
                        self.problems.push(cannot(&path, error));
                        is_whole = false;
                    }
                }
            }
        }
        is_whole
    }

    fn read<R: text::Root>(
        &mut self,
        name: &str,
        text: String,
        registry: &mut Registry,
    ) -> Option<R> {
        let name: Arc<str> = name.into();
        let start = self.sources.next_start();
        let read = text::read(&name, &text, start, registry, &mut self.problems);
        self.sources.add(name, text);
        read
    }
}
