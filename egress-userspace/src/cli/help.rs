//! `egress help`: a command's help, or a topic's page.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{CommandFactory as _, FromArgMatches as _};

use super::Arguments;
use super::topics::TOPICS;

/// A terminal whose width is not known is taken for one of this many letters.
const USUAL_WIDTH: usize = 80;

/// The command line, with all that can be asked of `help`.
pub fn command() -> clap::Command {
    let command = Arguments::command();
    let commands: Vec<_> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            PossibleValue::new(command.get_name().to_owned()).help(about.unwrap_or_default())
        })
        .collect();
    let topics = TOPICS.map(|topic| PossibleValue::new(topic.name).help(topic.about));
    let all = PossibleValuesParser::new(topics.into_iter().chain(commands));
    command.mut_subcommand("help", |help| {
        help.mut_arg("topic", |topic| topic.value_parser(all))
    })
}

/// The arguments of this process; ends it, with what is wrong, if they are not right.
pub fn parse() -> Arguments {
    let mut command = command();
    let matches = command.get_matches_mut();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Prints the help of a topic or command; without one, that of all.
pub fn help(topic: Option<&str>) -> ExitCode {
    let mut command = command();
    let is_terminal = std::io::stdout().is_terminal();
    if let Some(topic) = TOPICS.iter().find(|other| Some(other.name) == topic) {
        let width = terminal_size::terminal_size().map(|(width, _)| width.0.into());
        let page = (topic.page)(&command);
        return print(&page.to_text(width.unwrap_or(USUAL_WIDTH), is_terminal));
    }
    // It then knows what each command is called in full.
    command.build();
    let asked = match topic.and_then(|name| command.find_subcommand_mut(name)) {
        Some(asked) => asked,
        None => &mut command,
    };
    let shown = asked.render_long_help();
    if is_terminal {
        print(&shown.ansi().to_string())
    } else {
        print(&shown.to_string())
    }
}

/// Prints what was asked for. Nobody is left to tell if standard output is closed.
pub(super) fn print(text: &str) -> ExitCode {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn topics_and_commands_can_be_asked_for_and_nothing_else() {
        for asked in ["run", "config", "exit-codes"] {
            let parsed = command().try_get_matches_from(["egress", "help", asked]);
            assert!(parsed.is_ok(), "{asked}");
        }
        let error = command().try_get_matches_from(["egress", "help", "reason"]);
        let error = error.expect_err("not a topic").to_string();
        assert!(error.contains("reasons"), "{error}");
    }

    #[test]
    fn no_topic_has_the_name_of_a_command() {
        for topic in &TOPICS {
            assert!(command().find_subcommand(topic.name).is_none(), "{topic:?}");
        }
    }
}
