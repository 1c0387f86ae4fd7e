//! `cargo xtask bench soak`: every kind of load at once through the gateway, for a long time, and whether
//! what the gateway holds stays the same.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use egress_tests::wait_until;

use super::load::number;
use super::relay::Relay;
use super::sample::{self, Sample};
use super::stage::{Running, Stage};
use super::tools::Tools;
use crate::workspace::{say, target};

/// Each load is started anew so often, in seconds: so bulk streams come and go, too.
const SEGMENT: u32 = 5;
/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Idle connections beside the busy ones.
const IDLE: usize = 1_000;
/// The last connections of a load end within milliseconds of it; a loaded machine takes longer.
const QUIET: Duration = Duration::from_secs(30);

/// The loads that run side by side. The connections pause a little, so that all get their share.
const MIXED: [(&str, &[&str]); 4] = [
    ("connections", &["--clients", "16", "--pace-us", "500"]),
    ("bulk", &["--streams", "2"]),
    ("bulk", &["--streams", "1", "--direction", "both"]),
    ("round-trips", &["--clients", "8"]),
];
/// As many connections as will go, for a number of them.
const CONNECTIONS_ONLY: [(&str, &[&str]); 1] = [("connections", &["--clients", "32"])];

/// For how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Short connections alone, until so many have been made
    #[arg(long, conflicts_with = "minutes")]
    connections: Option<u64>,
    /// Take this build of the gateway, and build none
    #[arg(long)]
    gateway: Option<PathBuf>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    super::prepare("bench soak")?;
    let tools = Tools::ready(&[Relay::Egress], args.gateway.as_deref())?;
    let stage = Stage::new(&tools, SEGMENT)?;
    let running = stage.start(Relay::Egress)?;
    let loads: &[_] = match args.connections {
        Some(_) => &CONNECTIONS_ONLY,
        None => &MIXED,
    };
    say("warming up");
    // Twice, so that whatever is made at first is there: threads, pools, tables of the allocator.
    for _ in 0..2 {
        soak(&stage, &running, loads, End::At(Instant::now()))?;
    }
    let before = quiet(&stage, &running)?;
    say("soaking");
    let end = match args.connections {
        Some(connections) => End::After(connections),
        None => End::At(Instant::now() + Duration::from_secs(60 * args.minutes)),
    };
    let soaked = soak(&stage, &running, loads, end)?;
    let after = quiet(&stage, &running)?;
    running.end()?;
    let report = sample::Report {
        connections: soaked.connections,
        seconds: soaked.seconds,
        before,
        during: soaked.samples,
        after,
    };
    fs::create_dir_all(target("bench")).context("cannot make target/bench")?;
    fs::write(target("bench/soak.json"), report.json())
        .context("cannot write target/bench/soak.json")?;
    print!("{}", report.table());
    report.verdict()
}

/// When it has been enough. Every load runs for one segment in any case.
#[derive(Clone, Copy, Debug)]
enum End {
    At(Instant),
    After(u64),
}

/// What came of it.
#[derive(Debug)]
struct Soaked {
    connections: u64,
    seconds: f64,
    samples: Vec<Sample>,
}

/// Runs all loads again and again, and takes samples.
fn soak(stage: &Stage<'_>, running: &Running<'_>, loads: &[Load], end: End) -> Result<Soaked> {
    let idle = match end {
        End::At(_) => Some(running.load().hold(IDLE)?),
        End::After(_) => None,
    };
    let (connections, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let over = || {
        failed.load(Ordering::Relaxed)
            || match end {
                End::At(instant) => Instant::now() >= instant,
                End::After(count) => connections.load(Ordering::Relaxed) >= count,
            }
    };
    let mut samples = Vec::new();
    thread::scope(|scope| {
        let (done, all_done) = channel();
        for (load, options) in loads {
            let (done, connections, failed, over) = (done.clone(), &connections, &failed, &over);
            scope.spawn(move || {
                let mut result = again(running, load, options, connections);
                while result.is_ok() && !over() {
                    result = again(running, load, options, connections);
                }
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                // Whoever listens does so until all are done.
                done.send(result).ok();
            });
        }
        drop(done);
        let watched = watch(&all_done, || {
            let sample = sample(stage, running, begun)?;
            say(&sample.line());
            samples.push(sample);
            Ok(())
        });
        // The loads end with their segment, whatever the reason.
        failed.fetch_or(watched.is_err(), Ordering::Relaxed);
        watched
    })?;
    drop(idle);
    Ok(Soaked {
        connections: connections.into_inner(),
        seconds: begun.elapsed().as_secs_f64(),
        samples,
    })
}

/// Looks now and then until all loads are done; an error is the first that there is.
fn watch(done: &Receiver<Result<()>>, mut look: impl FnMut() -> Result<()>) -> Result<()> {
    loop {
        match done.recv_timeout(SAMPLE_EVERY) {
            Ok(result) => result?,
            Err(RecvTimeoutError::Timeout) => look()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// A load's name and options.
type Load = (&'static str, &'static [&'static str]);

/// One segment of a load.
fn again(running: &Running<'_>, load: &str, options: &[&str], total: &AtomicU64) -> Result<()> {
    let said = running.load().run(load, SEGMENT, options)?;
    if load == "connections" {
        let made = number(&said, "/connections")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        total.fetch_add(made as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// A sample once no connection is left.
fn quiet(stage: &Stage<'_>, running: &Running<'_>) -> Result<Sample> {
    let begun = Instant::now();
    let mut last = None;
    wait_until("no connection is left", QUIET, || {
        let now = sample(stage, running, begun).ok();
        let is_quiet = now.as_ref().is_some_and(|now| now.connections == 0);
        last = now;
        is_quiet.then_some(())
    })
    .with_context(|| format!("the last sample: {last:?}"))?;
    let Some(last) = last else {
        bail!("the gateway could not be looked at");
    };
    Ok(last)
}

fn sample(stage: &Stage<'_>, running: &Running<'_>, begun: Instant) -> Result<Sample> {
    // Its lines are not looked at here, and millions of them would fill the disk.
    let log = stage.bed().dir().join("access.log");
    let file = OpenOptions::new().write(true).open(log);
    file.and_then(|file| file.set_len(0))
        .context("cannot empty the access log")?;
    let gateway = running.gateway()?;
    let metrics = gateway.metrics(stage.bed())?;
    Sample::take(
        begun.elapsed().as_secs_f64(),
        running.memory_kib()?,
        gateway.pid(),
        metrics,
    )
}
