//! The command line: what was asked for, and the commands that need no running gateway.

mod check;
mod logging;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use check::check;
pub use logging::start as start_logging;

/// The configuration is wrong, or the command line is (clap's own choice).
pub const EXIT_INVALID: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  egress check /etc/egress/egress.toml           is the file right?
  egress run --config /etc/egress/egress.toml    govern what it says, until SIGTERM
  kill -HUP PID                                  read the file again (done by itself when it changes)

Exit status: 0 all is well, 1 the gateway cannot run, 2 the configuration or command line is wrong.";

const RUN: &str = "\
Govern connections until SIGTERM.

Needs root: CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH. SIGHUP, or a change of the \
file, has the configuration read again; SIGTERM ends the gateway when its connections have ended, or \
after [gateway] drain. EGRESS_LOG sets how much is told, as in EGRESS_LOG=debug.";

/// A transparent L4 egress gateway.
///
/// Connections of governed processes are turned to the gateway by the kernel; it reads which name each
/// one is for, asks the registry, and joins it to its destination or refuses it.
#[derive(Debug, Parser)]
#[command(name = "egress", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Govern connections until SIGTERM.
    #[command(long_about = RUN)]
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = "/etc/egress/egress.toml")]
        config: PathBuf,
    },
    /// Say whether a configuration file is right, and everything that is not.
    Check {
        /// The configuration file.
        #[arg(value_name = "FILE", default_value = "/etc/egress/egress.toml")]
        config: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}
