//! Connections on which nothing happens.

use std::io::{self, Read as _};

use anyhow::{Context as _, Result};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::json;

use crate::hello::{Target, Wish};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// How many
    #[arg(long, default_value_t = 9000)]
    connections: usize,
}

/// Has a connection end with a reset.
const RESET: linger = linger {
    l_onoff: 1,
    l_linger: 0,
};

/// Each has been joined to the server when it counts: the server's one byte has come.
pub(crate) fn main(args: &Args) -> Result<()> {
    let mut held = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        let mut stream = args.target.open(Wish::Hold)?;
        stream
            .read_exact(&mut [0])
            .context("not joined to the server")?;
        // The server holds its end without looking at it: an end of stream would never be answered.
        setsockopt(&stream, sockopt::Linger, &RESET)?;
        held.push(stream);
    }
    println!("{}", json!({ "holding": held.len() }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
