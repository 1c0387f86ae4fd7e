//! Small messages to and fro.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::hello::{Target, Wish};
use crate::latency::Latencies;
use crate::pattern::Pattern;
use crate::run::{Crowd, Ran, clients};

/// A message, in bytes.
pub(crate) const MESSAGE: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    crowd: Crowd,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let Ran { each, seconds } = clients(args.crowd.clients, args.crowd.seconds, |until| {
        let mut stream = args.target.open(Wish::Echo)?;
        let (mut latencies, mut pattern) = (Latencies::default(), Pattern::default());
        while Instant::now() < until {
            let begun = Instant::now();
            stream
                .write_all(pattern.next(MESSAGE))
                .context("a connection broke off")?;
            let mut back = [0; MESSAGE];
            stream
                .read_exact(&mut back)
                .context("a connection broke off")?;
            latencies.push(begun.elapsed());
            pattern.check(&back)?;
        }
        Ok(latencies)
    })?;
    let all = Latencies::merge(each);
    println!(
        "{}",
        json!({ "round_trips": all.len(), "seconds": seconds, "latency_us": all.json() })
    );
    Ok(())
}
