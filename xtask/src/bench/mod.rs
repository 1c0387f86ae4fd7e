//! `cargo xtask bench`: what the gateway costs, measured on this machine.

mod client;
mod hooks;
mod machine;
mod programs;
mod report;
mod rows;
mod summary;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The kernel programs, on and off in one run: per connect, per packet, per call
    Hooks,
    /// The load, in the place where the measurement put it
    #[command(hide = true)]
    Client(client::Args),
}

pub(crate) fn main(args: &Args) -> Result<()> {
    match &args.what {
        What::Hooks => hooks::main(),
        What::Client(args) => client::main(args),
    }
}
