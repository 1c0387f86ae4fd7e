//! Diagnostics on stderr: text on a terminal, JSON otherwise. How much is told can be changed at any time.

mod directives;
mod troubles;

use std::env;
use std::io::{IsTerminal, stderr};

use tracing::warn;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;

pub use directives::Misdirected;
pub use troubles::{Trouble, Troubles};

/// The variable that says what is told.
const VARIABLE: &str = "EGRESS_LOG";

/// What is told: a level for all, and others for what begins with a module's path. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Levels(Handle<Targets, Registry>);

/// The hold on diagnostics.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// What is told.
    pub levels: Levels,
    /// What went wrong of late.
    pub troubles: Troubles,
}

/// Why the levels are as they were.
#[derive(Debug, thiserror::Error)]
pub enum LevelsError {
    /// What was said is not understood.
    #[error(transparent)]
    Misdirected(#[from] Misdirected),
    /// Nobody writes diagnostics any more.
    #[error("diagnostics are not written any more")]
    Gone(#[from] reload::Error),
}

/// Begins to write diagnostics. Without the variable: what an operator should read.
pub fn start() -> Diagnostics {
    let said = env::var(VARIABLE).ok().filter(|said| !said.is_empty());
    let parsed = said.as_deref().map(directives::parse).transpose();
    let (levels, misdirected) = match parsed {
        Ok(levels) => (levels, None),
        Err(misdirected) => (None, Some(misdirected)),
    };
    let levels = levels.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let (filter, handle) = reload::Layer::new(levels);
    let troubles = Troubles::default();
    let diagnostics = Registry::default().with(filter).with(troubles.clone());
    let lines = fmt::layer().with_writer(stderr);
    if stderr().is_terminal() {
        diagnostics.with(lines.with_target(false)).init();
    } else {
        diagnostics.with(lines.json().flatten_event(true)).init();
    }
    if let Some(error) = misdirected {
        warn!("{VARIABLE}: {error}; it is as if it were info");
    }
    Diagnostics {
        levels: Levels(handle),
        troubles,
    }
}

impl Levels {
    /// What is told now, as [`set`](Self::set) takes it.
    pub fn now(&self) -> String {
        self.0
            .with_current(ToString::to_string)
            .unwrap_or_else(|_gone| LevelFilter::OFF.to_string())
    }

    /// Has other things told from now on: a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or several
    /// directives with commas in between, of which one is the level for all that the others, `MODULE=LEVEL`, do
    /// not name. After an error all is as it was.
    pub fn set(&self, directives: &str) -> Result<(), LevelsError> {
        let levels = directives::parse(directives)?;
        Ok(self.0.reload(levels)?)
    }
}

#[cfg(test)]
mod tests;
