//! The load of `cargo xtask bench reload`: connects, waits for the server's first byte, closes.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::client::reset;

/// Between two connections: a busy node's pace, which leaves the machine time for the gateway.
const PAUSE: Duration = Duration::from_millis(1);
/// The first ones find caches cold.
const FIRST: usize = 40;

/// To whom, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    address: SocketAddr,
    seconds: u64,
}

/// Writes the nanoseconds that each took to standard output, in one line.
pub(crate) fn main(args: &Args) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let mut each = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        connect(args.address).with_context(|| format!("cannot connect to {}", args.address))?;
        each.push(begun.elapsed().as_nanos().to_string());
        thread::sleep(PAUSE);
    }
    println!("{}", each.get(FIRST..).unwrap_or_default().join(" "));
    Ok(())
}

fn connect(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.read_exact(&mut [0])?;
    reset(&stream)
}
