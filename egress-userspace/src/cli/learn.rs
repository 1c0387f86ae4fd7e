//! `egress learn`: a configuration that allows what an access log says happened.

mod report;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::json::write_json;
use super::{DEFAULT_CONFIG, EXIT_INVALID, logs};
use crate::config::{Config, LogPath, ReadError, Review, Warnings, duration};
use crate::history::Tally;
use crate::learn::{Learner, Lesson, SIBLINGS, Settings};

use report::Report;

/// What a configuration that is nowhere yet is called in messages.
const LEARNED: &str = "learned.toml";

/// Longest time that a log is followed: a month has all that happens once a month.
const LONGEST: Duration = Duration::from_hours(720);

/// From what to learn, and how.
#[derive(Debug, clap::Args)]
pub struct Learn {
    /// Access logs; `-` is the standard input. Without one, that of the configuration.
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Print this configuration with services for what it does not allow yet. Nothing else in it changes.
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// The configuration that says where the log is, where neither `LOG` nor `--merge` does.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Learn from what was denied, too.
    #[arg(long)]
    denied: bool,
    /// Make a wildcard of so many names right below one that has one owner; 0: never.
    #[arg(long, value_name = "N", default_value_t = SIBLINGS)]
    siblings: usize,
    /// Go on with what is added to the log for so long, as in 10m, or until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What came of it.
struct Learned {
    lesson: Lesson,
    tally: Tally,
    text: String,
    warnings: Warnings,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
enum LearnError {
    #[error("{0}")]
    Config(#[from] ReadError),
    #[error(transparent)]
    Log(#[from] logs::Unreadable),
    #[error("{0}: the access log does not go to a file: name one with the lines")]
    Nowhere(String),
    #[error("--for reads one file: name one LOG")]
    Several,
    #[error("what is to be added does not go with the file:\n{0}")]
    Unfit(String),
}

/// Learns and prints. Exits with 0 if it is printed, 2 if a configuration, a log, or the command line is wrong.
pub fn learn(asked: &Learn) -> ExitCode {
    match run(asked) {
        Ok(learned) => print(&learned, asked.json).unwrap_or(ExitCode::FAILURE),
        Err(LearnError::Config(error)) => {
            eprintln!("{}", error.render(io::stderr().is_terminal()));
            ExitCode::from(EXIT_INVALID)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_INVALID)
        }
    }
}

fn run(asked: &Learn) -> Result<Learned, LearnError> {
    let base = asked.merge.as_deref().map(Base::read).transpose()?;
    let logs = asked.logs(base.as_ref())?;
    let settings = Settings {
        siblings: Some(asked.siblings).filter(|siblings| *siblings > 0),
        denied: asked.denied,
    };
    let mut learner = Learner::new(settings, base.as_ref().map(|base| &base.config));
    let tally = match (asked.time, logs.as_slice()) {
        (None, logs) => logs::read_all(logs, |seen| learner.add(seen))?,
        (Some(time), [log]) if log.as_os_str() != "-" => {
            logs::follow(log, time, |seen| learner.add(seen))?
        }
        (Some(_), _) => return Err(LearnError::Several),
    };
    let lesson = learner.finish();
    let (text, review) = if let Some(base) = &base {
        let text = lesson.merged(&base.text);
        let review = Review::from_text_at(&base.path, text.clone());
        (text, review)
    } else {
        let text = lesson.configuration();
        let review = Review::from_toml(LEARNED, &text);
        (text, review)
    };
    let (_, warnings) = review
        .map_err(|errors| LearnError::Unfit(errors.render(false)))?
        .finish();
    Ok(Learned {
        lesson,
        tally,
        text,
        warnings,
    })
}

/// What was learned goes to the standard output, what is to be said of it to the other one.
fn print(learned: &Learned, json: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if json {
        write_json(&mut out, &Report::new(learned))?;
    } else {
        out.write_all(learned.text.as_bytes())?;
        out.flush()?;
        report::summary(learned, &mut io::stderr().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration that is added to.
struct Base {
    path: PathBuf,
    text: String,
    config: Config,
}

impl Base {
    fn read(path: &Path) -> Result<Self, ReadError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReadError::Io {
            path: path.display().to_string(),
            source,
        })?;
        let (config, _) = Review::from_text_at(path, text.clone())?.finish();
        Ok(Self {
            path: path.to_owned(),
            text,
            config,
        })
    }
}

impl Learn {
    /// The logs that were named, or that of the configuration.
    fn logs(&self, base: Option<&Base>) -> Result<Vec<PathBuf>, LearnError> {
        if !self.logs.is_empty() {
            return Ok(self.logs.clone());
        }
        let read;
        let (path, config) = if let Some(base) = base {
            (&base.path, &base.config)
        } else {
            read = Config::read(&self.config)?;
            (&self.config, &read)
        };
        match &config.access_log.path {
            LogPath::File(log) => Ok(vec![log.clone()]),
            LogPath::Stdout | LogPath::Syslog | LogPath::Journald => {
                Err(LearnError::Nowhere(path.display().to_string()))
            }
        }
    }
}

fn time(text: &str) -> Result<Duration, &'static str> {
    let time = duration(text).filter(|time| *time <= LONGEST);
    time.ok_or("expected a time such as 30s, 10m or 1h, at most 720h")
}

#[cfg(test)]
mod tests;
