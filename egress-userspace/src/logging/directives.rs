//! What is told, as text: what tracing itself reads, less what it reads and an operator hardly means. To
//! tracing `inof` is a module, of which all is told, and nothing of any other.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// From nothing to everything.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Directives in one text: more than there are modules, and few enough to look through for each message.
const MOST: usize = 64;

/// A text that does not say what to tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misdirected {
    /// One directive is not understood.
    #[error("{0:?} is neither a level (off, error, warn, info, debug, trace) nor MODULE=LEVEL")]
    Unknown(String),
    /// The level for all is given twice, or that of one module is.
    #[error("{0:?} is said twice")]
    Twice(String),
    /// There are too many.
    #[error("more than {MOST} directives")]
    TooMany,
}

/// The levels that a text says. What it says nothing of is not told.
pub(super) fn parse(text: &str) -> Result<Targets, Misdirected> {
    if text.split(',').nth(MOST).is_some() {
        return Err(Misdirected::TooMany);
    }
    let mut levels = Targets::new();
    let mut named = Vec::new();
    for directive in text.split(',').map(str::trim) {
        let (module, level) = match directive.split_once('=') {
            Some((module, level)) => (Some(module), level),
            None => (None, directive),
        };
        let Some(level) = level_of(level).filter(|_| module.is_none_or(is_module)) else {
            return Err(Misdirected::Unknown(directive.to_owned()));
        };
        if named.contains(&module) {
            return Err(Misdirected::Twice(module.unwrap_or("the level").to_owned()));
        }
        named.push(module);
        levels = match module {
            Some(module) => levels.with_target(module, level),
            None => levels.with_default(level),
        };
    }
    Ok(levels)
}

fn level_of(word: &str) -> Option<LevelFilter> {
    let mut levels = LEVELS.iter();
    let (_, level) = levels.find(|(name, _)| name.eq_ignore_ascii_case(word))?;
    Some(*level)
}

/// A path as Rust writes it, or part of one.
fn is_module(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    !text.is_empty() && text.chars().all(is_part)
}
