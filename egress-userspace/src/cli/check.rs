//! `egress check FILE`: says whether a configuration is right, everything that is wrong with it, and
//! what a reviewer would say of one that is right.

mod report;
mod resolve;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::EXIT_INVALID;
use super::json::write_json;
use crate::config::{Code, Config, ReadError, Review, Warnings};

/// There are warnings, and `--strict` was asked for.
const EXIT_WARNED: u8 = 1;

/// What to check, and how.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The configuration file.
    #[arg(value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// Exit with 1 if there are warnings.
    #[arg(long)]
    strict: bool,
    /// Leave out warnings of this kind; may be given several times.
    #[arg(long, value_name = "CODE", value_parser = code())]
    accept: Vec<Code>,
    /// Ask the DNS for each name, and warn of those that lead nowhere or to addresses that are not
    /// public. Without it nothing is sent.
    #[arg(long)]
    resolve: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Checks a file and writes the report to standard output. Exits with 0 if it is right, 1 if there is
/// a warning that counts, 2 if it is wrong.
pub fn check(asked: &Check) -> ExitCode {
    let mut out = io::stdout().lock();
    let colour = io::stdout().is_terminal();
    // Nobody is left to tell if standard output is closed.
    run(asked, colour, &mut out).unwrap_or(ExitCode::FAILURE)
}

fn run(asked: &Check, colour: bool, out: &mut impl Write) -> io::Result<ExitCode> {
    let outcome = review(asked);
    if asked.json {
        write_json(out, &report::Report::new(&asked.config, &outcome))?;
    } else {
        writeln!(out, "{}", report::text(&asked.config, &outcome, colour))?;
    }
    let is_right = report::is_right(&outcome);
    Ok(match outcome {
        Ok(_) if !is_right => ExitCode::from(EXIT_INVALID),
        Ok((_, warnings)) if asked.strict && !warnings.is_empty() => ExitCode::from(EXIT_WARNED),
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_INVALID),
    })
}

fn review(asked: &Check) -> Result<(Config, Warnings), ReadError> {
    let mut review = Review::read(&asked.config)?;
    if asked.resolve {
        resolve::ask(&mut review).map_err(|source| ReadError::Io {
            path: "asking the DNS".into(),
            source,
        })?;
    }
    let (config, warnings) = review.finish();
    Ok((config, warnings.without(&asked.accept)))
}

/// Reads a warning's name.
fn code() -> impl TypedValueParser<Value = Code> {
    let known = PossibleValuesParser::new(Code::ALL.map(Code::as_str));
    known.try_map(|name| {
        let mut codes = Code::ALL.into_iter();
        codes
            .find(|code| code.as_str() == name)
            .ok_or("no such warning")
    })
}

#[cfg(test)]
mod tests;
