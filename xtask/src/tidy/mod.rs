//! `cargo xtask tidy`: the rules of this code base that no compiler checks.
//!
//! Every finding is printed, not only the first, as `path:line: message`. The rules look at the text
//! of the code with comments and literals blanked out; they do not expand macros.

mod arrows;
mod code;
mod files;
mod layout;
mod words;

use anyhow::{Result, bail};

use crate::workspace::root;
use files::File;

/// One violation of one rule.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

/// Looks at one file.
type Rule = fn(&File) -> Vec<Finding>;

const RULES: &[Rule] = &[
    layout::length,
    layout::head,
    arrows::modules,
    words::crates,
    words::unsafety,
    words::macros,
    words::unwraps,
];

pub(crate) fn main() -> Result<()> {
    let files = files::all(&root())?;
    let findings = check(&files);
    for Finding {
        path,
        line,
        message,
    } in &findings
    {
        println!("{path}:{line}: {message}");
    }
    if !findings.is_empty() {
        bail!(
            "tidy: {} of {} files break a rule above",
            paths(&findings),
            files.len()
        );
    }
    println!("tidy: {} files, every rule kept", files.len());
    Ok(())
}

fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .flat_map(|file| RULES.iter().flat_map(|rule| rule(file)))
        .collect()
}

/// How many different files are found at fault; findings of one file are next to each other.
fn paths(findings: &[Finding]) -> usize {
    findings.chunk_by(|a, b| a.path == b.path).count()
}

impl Finding {
    fn new(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }
}
