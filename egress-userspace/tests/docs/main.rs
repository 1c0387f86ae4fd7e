//! What the pages show is what this build does: every configuration on them is read, every command line
//! is one that the gateway takes, what they print is what it prints, and what is linked to is there.
//!
//! Pages look as if nobody tested them: what a test has to know of a block of code stands behind its
//! language, where readers do not see it.
//!
//! | block | behind the language | |
//! |---|---|---|
//! | `toml` | | is read as a configuration; one without a `[[scope]]` has one added |
//! | `toml` | `fragment=service` | is the inside of a `[[service]]` |
//! | `toml` | `warns=CODE,CODE` | is right, and has these warnings; others have none |
//! | `toml` | `refused` | is wrong, and has to be |
//! | `console` | | commands after `# ` or `$ `. Those with output below them are run, and print that; a line `…` stands for any lines |
//! | `console` | `not-run=REASON` | their output was seen, and is not compared: see [`console::REASONS`] |
//! | `json` | | one value, or one a line; of the access log's lines every key is a field |
//!
//! A `toml` block that begins with a comment that is a path, as `# /etc/egress/egress.toml`, is that file for
//! the commands that follow on its page.

mod configurations;
mod console;
mod line;
mod links;
mod pages;
mod reference;
mod words;

/// Fails with all that is wrong, not only with the first.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n\n{}\n", wrong.join("\n\n"));
}
