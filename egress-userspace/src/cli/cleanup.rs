//! `egress cleanup`: detaches everything, and leaves nothing.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::kernel::{Owner, Pinned, Removed, inspect, remove};

use super::{EXIT_INVALID, Pins, failed};

/// What happens to those that were governed.
const WARNING: &str = "From then on nothing is governed: connections go out unjudged.";

/// How to clean up.
#[derive(Debug, Args)]
pub struct Cleanup {
    #[command(flatten)]
    pins: Pins,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Do it although a gateway runs.
    #[arg(long)]
    force: bool,
}

/// Removes all that is pinned. Exits with 0 if nothing is left, 1 if something is: it could not be
/// removed, a gateway runs, or the answer was no; 2 if nobody could be asked.
pub fn cleanup(arguments: Cleanup) -> ExitCode {
    let Cleanup { pins, yes, force } = arguments;
    let directory = pins.directory();
    let pinned = match inspect(&directory) {
        Ok(pinned) => pinned,
        Err(error) => return failed(&error),
    };
    if let Some(owner) = pinned.owner.as_ref().filter(|owner| owner.alive && !force) {
        eprintln!("{}", refusal(owner));
        return ExitCode::FAILURE;
    }
    let is_empty = pinned.attached.is_empty() && pinned.tables.is_empty();
    if !yes && !is_empty {
        if !io::stdin().is_terminal() {
            eprintln!("{} {WARNING} Say so with --yes.", plan(&pinned, &directory));
            return ExitCode::from(EXIT_INVALID);
        }
        if !agreed(&pinned, &directory) {
            return ExitCode::FAILURE;
        }
    }
    match remove(&directory) {
        Ok(removed) => {
            // Nobody is left to tell if standard output is closed.
            let _ = report(&removed, &directory, &mut io::stdout().lock());
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn refusal(owner: &Owner) -> String {
    format!(
        "a gateway runs, with process id {}: end it first, or say --force, and what it governs goes \
         out unjudged while it runs on",
        owner.pid
    )
}

fn plan(pinned: &Pinned, directory: &Path) -> String {
    let (programs, maps) = (pinned.attached.len(), pinned.tables.len());
    format!(
        "This detaches {programs} programs and removes {maps} maps, all below {}.",
        directory.display()
    )
}

fn agreed(pinned: &Pinned, directory: &Path) -> bool {
    eprint!("{} {WARNING} Go on? [y/N] ", plan(pinned, directory));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

fn report(removed: &Removed, directory: &Path, out: &mut impl Write) -> io::Result<()> {
    let Removed { links, others } = removed;
    if links.is_empty() && others.is_empty() {
        return writeln!(out, "nothing was pinned below {}", directory.display());
    }
    for pin in links {
        writeln!(out, "detached {}", pin.display())?;
    }
    for pin in others {
        writeln!(out, "removed {}", pin.display())?;
    }
    if links.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "nothing is governed any more: connections go out unjudged"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for answer in ["y\n", "Y\n", "yes\n", " YES "] {
            assert!(is_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "yep\n", "no\n"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn it_says_what_was_removed_and_what_that_means() {
        let said = |removed: &Removed| {
            let mut out = Vec::new();
            report(removed, Path::new("/pins"), &mut out).expect("it is written");
            String::from_utf8(out).expect("text")
        };
        let removed = Removed {
            links: vec!["/pins/links/egress_connect4".into()],
            others: vec!["/pins/maps-1/SCOPE".into()],
        };
        let expected = "detached /pins/links/egress_connect4\nremoved /pins/maps-1/SCOPE\n\
                        nothing is governed any more: connections go out unjudged\n";
        assert_eq!(said(&removed), expected);
        assert_eq!(
            said(&Removed::default()),
            "nothing was pinned below /pins\n"
        );
    }
}
