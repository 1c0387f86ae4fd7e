//! As many bytes as will go.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::hello::{Target, Wish};
use crate::pattern::{BLOCK, Pattern};
use crate::run::{Ran, clients};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// How many at once
    #[arg(long, default_value_t = 4)]
    streams: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, value_enum, default_value_t = Direction::Down)]
    direction: Direction,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// From the server
    Down,
    /// To the server
    Up,
    /// Both at once, on each stream
    Both,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let Ran { each, seconds } =
        clients(args.streams, args.seconds, |until| match args.direction {
            Direction::Down => take(&mut args.target.open(Wish::Send)?, Some(until)),
            Direction::Up => {
                let mut stream = args.target.open(Wish::Take)?;
                let sent = send(&mut stream, Some(until))?;
                // What is on its way counts when it has arrived: the server says how much did.
                stream.shutdown(Shutdown::Write)?;
                arrived(&mut stream, sent)
            }
            Direction::Both => {
                let mut stream = args.target.open(Wish::Both)?;
                let mut writer = stream.try_clone()?;
                thread::scope(|scope| {
                    let sending = scope.spawn(move || send(&mut writer, Some(until)));
                    let taken = take(&mut stream, Some(until))?;
                    let sent = sending.join().map_err(|_| anyhow!("a client panicked"))??;
                    Ok(taken + sent)
                })
            }
        })?;
    println!(
        "{}",
        json!({ "bytes": each.iter().sum::<u64>(), "seconds": seconds })
    );
    Ok(())
}

/// Reads and checks until then, or to the end; gives how many bytes.
pub(crate) fn take(stream: &mut TcpStream, until: Option<Instant>) -> Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let (mut pattern, mut taken) = (Pattern::default(), 0);
    while until.is_none_or(|until| Instant::now() < until) {
        let read = stream.read(&mut buffer).context("a stream broke off")?;
        if read == 0 {
            if until.is_some() {
                bail!("a stream ended");
            }
            break;
        }
        pattern.check(buffer.split_at(read).0)?;
        taken += read as u64;
    }
    Ok(taken)
}

/// Writes until then, or until nobody reads any more; gives how many bytes.
pub(crate) fn send(stream: &mut TcpStream, until: Option<Instant>) -> Result<u64> {
    // A peer that does not read holds up nobody for ever.
    let patience = until.map(|until| until.saturating_duration_since(Instant::now()) + PATIENCE);
    stream.set_write_timeout(patience)?;
    let (mut pattern, mut sent) = (Pattern::default(), 0);
    while until.is_none_or(|until| Instant::now() < until) {
        match stream.write(pattern.next(BLOCK)) {
            Ok(written) => {
                pattern.advance(written);
                sent += written as u64;
            }
            Err(error) if until.is_none() && has_gone(error.kind()) => break,
            Err(error) => return Err(error).context("a stream broke off"),
        }
    }
    Ok(sent)
}

/// Beyond a client's own time: what is in all buffers between it and its peer takes far less.
const PATIENCE: Duration = Duration::from_secs(5);

fn has_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// How many bytes the server says that it took, which must be all.
fn arrived(stream: &mut TcpStream, sent: u64) -> Result<u64> {
    let mut taken = [0; 8];
    stream
        .read_exact(&mut taken)
        .context("no count of what arrived")?;
    let taken = u64::from_be_bytes(taken);
    if taken != sent {
        bail!("{taken} of {sent} bytes arrived");
    }
    Ok(taken)
}
