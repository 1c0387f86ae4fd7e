//! Reads the configuration, and tells the log what deserves a second look.

use std::path::Path;

use tracing::warn;

use crate::config::{Config, ReadError, Review, Warnings};

/// Most warnings that are told one by one: a log is no report, and `egress check` shows all.
const MOST_TOLD: usize = 20;

/// Reads a configuration.
pub(super) fn configuration(path: &Path) -> Result<Config, ReadError> {
    let (config, warnings) = Review::read(path)?.finish();
    tell(&warnings);
    Ok(config)
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
