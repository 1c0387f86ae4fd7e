//! What a command's help says after its options, in the parts that it is written in.

use clap::Command;

/// A paragraph after the options.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Command lines, with what they do.
    Examples(String),
    /// What the exit status says.
    ExitStatus(String),
    /// Anything else.
    Text(String),
}

/// The paragraphs after a command's options, in their order.
pub(super) fn after(command: &Command) -> Vec<After> {
    let text = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.split("\n\n")
        .filter(|text| !text.trim().is_empty())
        .map(paragraph)
        .collect()
}

fn paragraph(text: &str) -> After {
    if let Some(lines) = text.strip_prefix("Examples:\n") {
        After::Examples(lines.trim_end().into())
    } else if let Some(status) = text.strip_prefix("Exit status:") {
        After::ExitStatus(status.trim().into())
    } else {
        After::Text(text.trim().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paragraphs_are_told_apart() {
        let command =
            Command::new("x").after_help("Examples:\n  x 1\n\nExit status: 0 yes.\n\nAlso.");
        let expected = [
            After::Examples("  x 1".into()),
            After::ExitStatus("0 yes.".into()),
            After::Text("Also.".into()),
        ];
        assert_eq!(after(&command), expected);
    }
}
