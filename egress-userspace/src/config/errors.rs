//! Everything that is wrong with a text, for people and for programs.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::Level;

use super::load::Loader;
use super::problem::Problem;
use super::show;
use super::sources::Sources;

/// More errors than this are only counted: the first ones are what there is to mend.
const MAX_SHOWN: usize = 100;

/// Everything that is wrong with a configuration, file by file, in the order of the text.
#[derive(Debug)]
pub struct ConfigErrors {
    sources: Sources,
    problems: Vec<Problem>,
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

/// One error, without the text around it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConfigError {
    /// The file, as it was named or found by `include`.
    pub file: String,
    /// Line of the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What it is about, which is in the message, too: the key with its section, or a service.
    #[serde(skip)]
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub help: Option<String>,
}

impl ConfigErrors {
    pub(super) fn new(loader: Loader) -> Self {
        let mut problems = loader.problems;
        problems.sort_by_key(|problem| problem.span.start);
        Self {
            sources: loader.sources,
            problems,
            files: loader.files,
            directories: loader.directories,
        }
    }

    /// The first of what is wrong with one text, by its own positions. They are kept, and whoever wrote the
    /// text is not to fill the memory with them.
    pub(super) fn of_one(name: Arc<str>, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.start);
        problems.truncate(MAX_SHOWN);
        let mut sources = Sources::default();
        sources.add(name, text.to_owned());
        Self {
            sources,
            problems,
            files: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// The files that were read or looked for: what is wrong may be mended in any of them.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The directories in which `include` looked for files.
    pub fn include_dirs(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Each error.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ConfigError> {
        self.problems.iter().map(|problem| {
            let (file, line, column) = show::place(problem, &self.sources);
            ConfigError {
                file,
                line,
                column,
                key: problem.key.clone(),
                message: problem.message(),
                expected: problem.label.clone(),
                help: problem.help.clone(),
            }
        })
    }

    /// All errors, each with the text it is about; in colour for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let shown = self.problems.iter().take(MAX_SHOWN);
        let titled = shown.map(|p| (Level::ERROR.primary_title(p.message()), p));
        let mut out = show::render(titled, &self.sources, colour);
        if let Some(more) = self.problems.len().checked_sub(MAX_SHOWN + 1) {
            out.push(format!("and {} more errors", more + 1));
        }
        out.join("\n\n")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}
