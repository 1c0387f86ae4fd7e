//! The load: connects, or sends, again and again, and says what one took.
//!
//! It runs in a process of its own, in the cgroup and the network namespace that are measured. What it
//! says is a median, so that what else the machine does while it runs counts for little.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use nix::sys::socket::{setsockopt, sockopt};

use super::summary::median;

/// How many connections are timed, after how many that are not: the first of a namespace, and of a
/// cold cache, are others' matter.
const CONNECTS: usize = 600;
const FIRST_CONNECTS: usize = 40;
/// Between two connections. The gateway ends the last one meanwhile, which would else run beside the next.
const PAUSE: Duration = Duration::from_micros(100);
/// Datagrams are sent in batches: one takes hardly longer than looking at the clock.
const BATCH: u32 = 64;
const BATCHES: usize = 400;
/// These fill the receiver's buffer, so that each one after them meets it full.
const FIRST_BATCHES: usize = 50;
/// What a datagram carries.
const PAYLOAD: [u8; 16] = [0; 16];

/// What to do, and to whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    load: Load,
    address: SocketAddr,
}

/// What is done again and again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Load {
    /// TCP: socket, connect, close
    Connect,
    /// UDP: send on a connected socket
    Send,
    /// UDP: send to an address
    SendTo,
}

impl Load {
    /// The argument that stands for it.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::SendTo => "send-to",
        }
    }
}

/// Writes the nanoseconds that one took to standard output.
pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { load, address } = *args;
    let nanoseconds = match load {
        Load::Connect => connects(address),
        Load::Send => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect(address)?;
            sends(|| socket.send(&PAYLOAD))
        }
        Load::SendTo => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            sends(|| socket.send_to(&PAYLOAD, address))
        }
    };
    let nanoseconds =
        nanoseconds.with_context(|| format!("cannot {} {address}", load.argument()))?;
    println!("{nanoseconds}");
    Ok(())
}

fn connects(address: SocketAddr) -> io::Result<f64> {
    let mut each = Vec::with_capacity(CONNECTS);
    for i in 0..FIRST_CONNECTS + CONNECTS {
        let start = Instant::now();
        connect(address)?;
        let took = start.elapsed();
        if i >= FIRST_CONNECTS {
            each.push(took.as_secs_f64() * 1e9);
        }
        thread::sleep(PAUSE);
    }
    Ok(median(&each))
}

fn connect(address: SocketAddr) -> io::Result<()> {
    reset(&TcpStream::connect(address)?)
}

/// Has it closed with a reset: a port that waited for stray packets could not be used again for a minute.
pub(super) fn reset(stream: &TcpStream) -> io::Result<()> {
    let at_once = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(stream, sockopt::Linger, &at_once)?;
    Ok(())
}

fn sends(mut send: impl FnMut() -> io::Result<usize>) -> io::Result<f64> {
    let mut each = Vec::with_capacity(BATCHES);
    for i in 0..FIRST_BATCHES + BATCHES {
        let start = Instant::now();
        for _ in 0..BATCH {
            send()?;
        }
        let took = start.elapsed();
        if i >= FIRST_BATCHES {
            each.push(took.as_secs_f64() * 1e9 / f64::from(BATCH));
        }
    }
    Ok(median(&each))
}
