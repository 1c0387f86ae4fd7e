//! `cargo xtask bench`: what the gateway costs, measured on this machine.

mod client;
mod greeted;
mod hooks;
mod machine;
mod path;
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

/// What to measure; without a word, the data path beside its peers.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    path: path::Options,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The kernel programs, on and off in one run: per connect, per packet, per call
    Hooks,
    /// The registry, at several sizes: a decision's time, the policy's memory, and how long it takes to make
    Policy(policy::Args),
    /// Reloads of a registry of a million hosts, and connections meanwhile
    Reload,
    /// What the gateway holds after minutes of every load, and whether that grows
    Soak(path::soak::Args),
    /// The system calls for one connection, by name
    Syscalls(path::syscalls::Args),
    /// The relay engines alone, side by side: the project's own, tokio-splice, and tokio's copies
    Relay(relay::Args),
    /// The load, in the place where the measurement put it
    #[command(hide = true)]
    Client(client::Args),
    /// As `client`, for `reload`
    #[command(hide = true)]
    Greeted(greeted::Args),
}

pub(crate) use path::{exercise, prepare};

pub(crate) fn main(args: &Args) -> Result<()> {
    let Some(what) = &args.what else {
        return path::main(&args.path);
    };
    match what {
        What::Hooks => hooks::main(),
        What::Policy(args) => policy::main(args),
        What::Reload => reload::main(),
        What::Soak(args) => path::soak::main(args),
        What::Syscalls(args) => path::syscalls::main(args),
        What::Relay(args) => relay::main(args),
        What::Client(args) => client::main(args),
        What::Greeted(args) => greeted::main(args),
    }
}
