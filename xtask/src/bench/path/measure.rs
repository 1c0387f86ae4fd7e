//! One relay in one round: every load that is asked for, and what came of it.

use anyhow::{Result, ensure};

use super::columns::{
    BULK, BULK_CPU, CONNECTION_CPU, CONNECTIONS, Column, FAIRNESS, IDLE, Load, ROUND_TRIPS,
};
use super::load::{finish, number};
use super::relay::Relay;
use super::stage::{Running, Stage};

/// Idle connections that memory is measured with. Each takes two descriptors of a relay, and 20,000 is
/// what a process often may have; a tenth is left for its own.
const IDLE_CONNECTIONS: usize = 9_000;
/// As [`IDLE_CONNECTIONS`], where two pipes of each make it six descriptors.
const IDLE_WITH_PIPES: usize = 3_000;
/// Before anything is measured: caches are warm, pools are filled, threads have run.
const WARM_UP_SECONDS: u32 = 1;
/// Beside bulk, few clients that pause: it is how long one connection takes that is asked, not how many
/// can be made. Milliseconds are what bulk makes them wait; so many pauses make some hundreds a second.
const PACED: [&str; 4] = ["--clients", "4", "--pace-us", "5000"];
/// The bulk begins before the connections beside it and ends after them.
const BULK_LONGER: u32 = 1;

/// What a load gave for a column.
pub(super) type Value = (&'static Column, f64);

const MICROSECONDS: f64 = 1e6;
const GIBIBYTE: f64 = 1_073_741_824.0;
/// Bits in a byte, in units of 10⁹.
const GIGABITS: f64 = 8.0 / 1e9;

/// Starts it, lets it do all of this, and ends it. What was measured before an error counts.
pub(super) fn all(
    stage: &Stage<'_>,
    relay: Relay,
    loads: &[Load],
    values: &mut Vec<Value>,
) -> Result<()> {
    let busy: Vec<_> = loads.iter().filter(|load| **load != Load::Idle).collect();
    if !busy.is_empty() {
        let running = stage.start(relay)?;
        warm_up(&running)?;
        for load in busy {
            values.extend(match load {
                Load::Connections => connections(&running)?,
                Load::Bulk => bulk(&running)?,
                Load::RoundTrips => round_trips(&running)?,
                Load::Fairness => fairness(&running)?,
                Load::Idle => Vec::new(),
            });
        }
        running.end()?;
    }
    // With a new one: what others left behind in its memory would be given to these connections.
    if loads.contains(&Load::Idle) && relay != Relay::None {
        let running = stage.start(relay)?;
        warm_up(&running)?;
        values.push(idle(&running, connections_held(relay))?);
        running.end()?;
    }
    Ok(())
}

fn connections_held(relay: Relay) -> usize {
    match relay {
        Relay::TokioSplice => IDLE_WITH_PIPES,
        _ => IDLE_CONNECTIONS,
    }
}

fn warm_up(running: &Running<'_>) -> Result<()> {
    let load = running.load();
    load.run("connections", WARM_UP_SECONDS, &[]).map(drop)
}

fn connections(running: &Running<'_>) -> Result<Vec<Value>> {
    let before = running.cpu_us()?;
    let said = running
        .load()
        .run("connections", running.seconds(), &["--clients", "32"])?;
    let cpu = running.cpu_us()? - before;
    let count = number(&said, "/connections")?;
    ensure!(count > 0.0, "not one connection: {said}");
    let rate = (&CONNECTIONS, count / number(&said, "/seconds")?);
    Ok(running.with_cost(rate, (&CONNECTION_CPU, cpu / count)))
}

fn bulk(running: &Running<'_>) -> Result<Vec<Value>> {
    let before = running.cpu_us()?;
    let said = running
        .load()
        .run("bulk", running.seconds(), &["--streams", "4"])?;
    let cpu = running.cpu_us()? - before;
    let bytes = number(&said, "/bytes")?;
    ensure!(bytes > 0.0, "not one byte: {said}");
    let rate = (&BULK, bytes * GIGABITS / number(&said, "/seconds")?);
    let cost = (&BULK_CPU, cpu / MICROSECONDS / (bytes / GIBIBYTE));
    Ok(running.with_cost(rate, cost))
}

fn round_trips(running: &Running<'_>) -> Result<Vec<Value>> {
    let said = running
        .load()
        .run("round-trips", running.seconds(), &["--clients", "32"])?;
    let rate = number(&said, "/round_trips")? / number(&said, "/seconds")?;
    Ok(vec![(&ROUND_TRIPS, rate)])
}

fn fairness(running: &Running<'_>) -> Result<Vec<Value>> {
    let load = running.load();
    let bulk = load.start(
        "bulk",
        running.seconds() + 2 * BULK_LONGER,
        &["--streams", "4"],
    )?;
    let said = load.run("connections", running.seconds(), &PACED);
    finish(bulk)?;
    Ok(vec![(
        &FAIRNESS,
        number(&said?, "/latency_us/p99")? / 1_000.0,
    )])
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn idle(running: &Running<'_>, connections: usize) -> Result<Value> {
    let before = running.memory_kib()?;
    let held = running.load().hold(connections)?;
    let grown = running.memory_kib()? - before;
    drop(held);
    Ok((&IDLE, grown / connections as f64))
}
