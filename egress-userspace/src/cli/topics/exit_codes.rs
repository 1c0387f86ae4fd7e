//! `egress help exit-codes`: what each command says of its own.

use clap::Command;

use crate::cli::after::{After, after};
use crate::cli::pages::{Page, Part};

/// What holds for a command that says nothing else.
const OTHERS: &str = "0 it is done, 1 it could not be done, 2 the command line is wrong.";

/// The page.
pub(super) fn page(command: &Command) -> Page {
    let mut parts = vec![
        Part::section("Description"),
        Part::Text(
            "Every command ends with 0 if all is well, and with 2 if its command line is wrong. What else it \
             ends with:"
                .into(),
        ),
        Part::section("Commands"),
    ];
    let told = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    parts.extend(told.map(|command| {
        let status = after(command).into_iter().find_map(|after| match after {
            After::ExitStatus(text) => Some(text),
            _ => None,
        });
        let text = status.unwrap_or_else(|| OTHERS.into());
        Part::entry(format!("egress {}", command.get_name()), text)
    }));
    Page {
        name: "egress-exit-codes".into(),
        section: "7",
        about: "what the exit status of each egress command says".into(),
        parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_own() {
        let page = page(&crate::cli::command());
        let said = |of: &str| {
            page.parts.iter().find_map(|part| match part {
                Part::Entry { term, text } if term == of => Some(text.as_str()),
                _ => None,
            })
        };
        assert!(
            said("egress status").is_some_and(|text| text.contains("3 attached but no gateway"))
        );
        assert_eq!(said("egress schema"), Some(OTHERS));
    }
}
