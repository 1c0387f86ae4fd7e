//! The files that the rules look at.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::code::{self, Token};

/// A source file: its text, and its code as tokens.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the workspace's root.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
}

impl File {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut tokens = code::tokens(text);
        if is_test_file(path) {
            code::mark_test(&mut tokens);
        }
        Self {
            path: path.into(),
            text: text.into(),
            tokens,
        }
    }

    /// The path below a package's `src/`, if it is there.
    pub(super) fn within(&self, package: &str) -> Option<&str> {
        self.path.strip_prefix(package)?.strip_prefix("/src/")
    }
}

/// A file that is only compiled for tests: `tests.rs`, or below a `tests/` that is not the package.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.starts_with("tests/tests/") || path.contains("/tests/")
}

/// All Rust files below a directory, in the order of their paths; none that a build made.
pub(super) fn all(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    visit(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn visit(dir: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                visit(&path, &format!("{prefix}{name}/"), files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            files.push(File::new(&format!("{prefix}{name}"), &text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_tests_is_known_by_its_place() {
        for path in [
            "a/src/x/tests.rs",
            "a/src/x/tests/y.rs",
            "a/tests/z.rs",
            "tests/tests/e2e.rs",
        ] {
            assert!(is_test_file(path), "{path}");
        }
        for path in ["a/src/x.rs", "tests/src/lib.rs"] {
            assert!(!is_test_file(path), "{path}");
        }
    }
}
