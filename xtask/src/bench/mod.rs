//! `cargo xtask bench`: what the gateway costs, measured on this machine.

mod client;
mod greeted;
mod hooks;
mod machine;
mod policy;
mod programs;
mod relay;
mod release;
mod reload;
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
    /// The registry, at several sizes: a decision's time, the policy's memory, and how long it takes to make
    Policy(policy::Args),
    /// Reloads of a registry of a million hosts, and connections meanwhile
    Reload,
    /// The relay engines alone, side by side: the project's own, tokio-splice, and tokio's copies
    Relay(relay::Args),
    /// The load, in the place where the measurement put it
    #[command(hide = true)]
    Client(client::Args),
    /// As `client`, for `reload`
    #[command(hide = true)]
    Greeted(greeted::Args),
}

pub(crate) fn main(args: &Args) -> Result<()> {
    match &args.what {
        What::Hooks => hooks::main(),
        What::Policy(args) => policy::main(args),
        What::Reload => reload::main(),
        What::Relay(args) => relay::main(args),
        What::Client(args) => client::main(args),
        What::Greeted(args) => greeted::main(args),
    }
}
