//! Several clients at once, until the time is over.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Small: a client needs hardly any, and there may be many.
const STACK: usize = 128 * 1024;

/// How many clients there are, and for how long.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Crowd {
    /// How many at once
    #[arg(long, default_value_t = 32)]
    pub(crate) clients: usize,
    /// For how long
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}

/// What all clients did, and in which time.
#[derive(Debug)]
pub(crate) struct Ran<T> {
    pub(crate) each: Vec<T>,
    pub(crate) seconds: f64,
}

/// Runs a client in each of so many threads, told when to stop.
pub(crate) fn clients<T: Send>(
    count: usize,
    seconds: f64,
    client: impl Fn(Instant) -> Result<T> + Sync,
) -> Result<Ran<T>> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let client = &client;
    let each = thread::scope(|scope| {
        let running = (0..count)
            .map(|_| {
                thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, move || client(until))
            })
            .collect::<Result<Vec<_>, _>>()?;
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(Ran {
        each,
        seconds: begun.elapsed().as_secs_f64(),
    })
}
