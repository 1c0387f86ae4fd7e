//! The load of the benchmarks: clients that check every byte, and the server that they talk to.
//!
//! Every connection begins with a TLS `ClientHello` that names a host, which is what relays look at; what
//! follows is [`pattern`] in which no byte can be lost, doubled or moved unseen. Clients and the server
//! block in threads of their own: on few cores that takes less of the machine than waiting for events
//! does, and leaves the more to what is measured.

mod bulk;
mod connections;
mod held;
mod hello;
mod idle;
mod latency;
mod pattern;
mod round_trips;
mod run;
mod serve;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Clients that check every byte, and the server that they talk to
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Answers all of the others, until it is killed
    Serve {
        /// Where to listen
        address: SocketAddr,
    },
    /// Connects, says hello, reads an answer to its end; again and again
    Connections(connections::Args),
    /// Moves as many bytes as it can
    Bulk(bulk::Args),
    /// Sends 64 bytes and waits for them to come back, again and again
    RoundTrips(round_trips::Args),
    /// Opens connections and holds them until its input ends
    Idle(idle::Args),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    // As many connections as the machine lets a process have.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    match arguments.what {
        What::Serve { address } => serve::main(address),
        What::Connections(args) => connections::main(&args),
        What::Bulk(args) => bulk::main(&args),
        What::RoundTrips(args) => round_trips::main(&args),
        What::Idle(args) => idle::main(&args),
    }
}
