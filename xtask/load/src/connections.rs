//! Short connections, one after the other in each client.

use std::io::Read as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::hello::{Target, Wish};
use crate::latency::Latencies;
use crate::pattern::Pattern;
use crate::run::{Crowd, Ran, clients};
use crate::serve::ANSWER;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    crowd: Crowd,
    /// How long a client waits between two connections, in microseconds
    #[arg(long, default_value_t = 0)]
    pace_us: u64,
    /// The most that all clients make together; none: as many as the time is enough for
    #[arg(long)]
    most: Option<usize>,
}

/// A connection is timed from `connect()` to the first byte of the answer: that it is open says little
/// where a relay accepts it before it knows where to.
pub(crate) fn main(args: &Args) -> Result<()> {
    let most = args
        .most
        .map_or(usize::MAX, |most| most / args.crowd.clients.max(1));
    let Ran { each, seconds } = clients(args.crowd.clients, args.crowd.seconds, |until| {
        let mut latencies = Latencies::default();
        while Instant::now() < until && latencies.len() < most {
            latencies.push(connection(&args.target)?);
            if args.pace_us > 0 {
                sleep(Duration::from_micros(args.pace_us));
            }
        }
        Ok(latencies)
    })?;
    let all = Latencies::merge(each);
    println!(
        "{}",
        json!({ "connections": all.len(), "seconds": seconds, "latency_us": all.json() })
    );
    Ok(())
}

/// One; gives how long the first byte of its answer took.
fn connection(target: &Target) -> Result<Duration> {
    let begun = Instant::now();
    let mut stream = target.open(Wish::Answer)?;
    let mut answer = [0; ANSWER + 1];
    let (mut length, mut first) = (0, None);
    loop {
        let (_, room) = answer.split_at_mut(length);
        let read = stream.read(room).context("no whole answer")?;
        if read == 0 {
            break;
        }
        first.get_or_insert_with(|| begun.elapsed());
        length += read;
    }
    ensure!(
        length == ANSWER,
        "an answer of {length} bytes instead of {ANSWER}"
    );
    let (answer, _) = answer.split_at(length);
    Pattern::default().check(answer)?;
    first.context("no answer")
}
