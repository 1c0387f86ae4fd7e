//! Reads the configuration, and tells the log what deserves a second look.

use std::path::Path;

use tracing::warn;

use crate::config::{Config, LastGood, Namespaces, ReadError, Review, Warnings};
use crate::types::plain;

/// Most warnings that are told one by one: a log is no report, and `egress check` shows all.
const MOST_TOLD: usize = 20;

/// Reads a configuration, of which the files of namespaces were right before.
pub(super) fn configuration(path: &Path, last_good: &LastGood) -> Result<Config, ReadError> {
    let (config, warnings) = Review::read_after(path, last_good.clone())?.finish();
    tell(&warnings);
    tell_of(&config.namespaces);
    Ok(config)
}

/// Whoever writes the files of namespaces is not to fill the log.
fn tell_of(namespaces: &Namespaces) {
    let count = namespaces.wrong().count();
    if count == 0 {
        return;
    }
    warn!(
        count,
        "namespaces' files are wrong, which `egress check` explains"
    );
    for (file, errors) in namespaces.wrong().take(MOST_TOLD) {
        let first = errors.iter().next();
        let first = first.map(|error| format!("{}: {}", error.line, error.message));
        warn!(
            namespace = %plain(&file.namespace),
            errors = errors.iter().len(),
            first = %plain(&first.unwrap_or_default()),
            "a namespace's file is wrong: {}",
            file.force.sentence()
        );
    }
}

fn tell(warnings: &Warnings) {
    if warnings.is_empty() {
        return;
    }
    let count = warnings.iter().len();
    warn!(
        count,
        "the configuration has warnings, which `egress check` explains"
    );
    for warning in warnings.iter().take(MOST_TOLD) {
        warn!("{warning}");
    }
}
