//! What `egress help` tells of beside commands, and the manual has as pages of its own.

mod config;
mod exit_codes;
mod reasons;

use super::pages::Page;

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    /// What it is asked for by.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) about: &'static str,
    /// Its page, which knows the commands.
    pub(super) page: fn(&clap::Command) -> Page,
}

/// Every topic.
pub(super) const TOPICS: [Topic; 3] = [
    Topic {
        name: "config",
        about: "every key of the configuration file",
        page: config::page,
    },
    Topic {
        name: "reasons",
        about: "each reason for which a connection is denied, and what to do",
        page: reasons::page,
    },
    Topic {
        name: "exit-codes",
        about: "what each command's exit status says",
        page: exit_codes::page,
    },
];
