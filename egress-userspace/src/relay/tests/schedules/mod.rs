//! Random schedules: what two peers may do to a relay, over real sockets, with each engine.
//!
//! `EGRESS_SCHEDULE=seed` runs one of them again, many times, because how the peers meet is not the
//! seed's; `EGRESS_SCHEDULES=count` runs more or fewer than the tests do.

mod peer;
mod script;
mod verdict;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use socket2::SockRef;
use tokio::task::JoinSet;

use super::own_process::{in_own_process, leaving_nothing};
use super::*;
use peer::{Peer, Progress};
use script::{LONGEST, Schedule, Script};
use verdict::{Determined, Outcome, judge};

/// Schedules, each with each engine.
const SCHEDULES: u64 = 10_000;

/// Schedules at once: of each the most is waiting. The descriptors stay far below the usual 1,024.
const TOGETHER: usize = 48;

/// Enough to meet again what came once in a thousand times.
const REPEATS: u64 = 2_000;

#[test]
fn any_schedule_gives_the_same_bytes_and_the_same_ends_with_each_engine() {
    in_own_process(
        concat!(
            module_path!(),
            "::any_schedule_gives_the_same_bytes_and_the_same_ends_with_each_engine"
        ),
        || leaving_nothing(2, async { all().await.expect("each schedule") }),
    );
}

fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

async fn all() -> Result<(), String> {
    let (again, count) = (number("EGRESS_SCHEDULE"), number("EGRESS_SCHEDULES"));
    let usual = if again.is_some() { REPEATS } else { SCHEDULES };
    let count = count.unwrap_or(usual);
    // Each schedule's bytes are a stretch of these.
    let bytes: Arc<[u8]> = pattern(0, 2 * LONGEST).into();
    let next = Arc::new(AtomicU64::new(0));
    let mut runs: JoinSet<Result<(), String>> = JoinSet::new();
    for _ in 0..TOGETHER {
        let (bytes, next) = (Arc::clone(&bytes), Arc::clone(&next));
        runs.spawn(async move {
            let doors = Doors::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(());
                }
                with_each_engine(again.unwrap_or(index), &bytes, &doors).await?;
            }
        });
    }
    while let Some(run) = runs.join_next().await {
        run.map_err(|error| error.to_string())??;
    }
    Ok(())
}

async fn with_each_engine(seed: u64, bytes: &[u8], doors: &Doors) -> Result<(), String> {
    let schedule = Schedule::new(seed);
    let mut first: Option<Determined> = None;
    for mode in MODES {
        let run = timeout(DEADLINE, run(&schedule, mode, bytes, doors));
        let result = run.await.unwrap_or_else(|_| Err(String::from("it hangs")));
        let result = result.and_then(|determined| {
            if *first.get_or_insert(determined) == determined {
                Ok(())
            } else {
                Err(format!("{first:?} became {determined:?}"))
            }
        });
        result
            .map_err(|error| format!("EGRESS_SCHEDULE={seed}, {mode:?}: {error}\n{schedule:#?}"))?;
    }
    Ok(())
}

async fn run(
    schedule: &Schedule,
    mode: Mode,
    bytes: &[u8],
    doors: &Doors,
) -> Result<Determined, String> {
    let Schedule {
        client,
        upstream,
        prefix,
        ..
    } = schedule;
    let rng = &mut Rng::with_seed(!schedule.seed);
    let (up, down) = (stretch(rng, bytes, client), stretch(rng, bytes, upstream));
    let options = Options {
        max_pipes: schedule.max_pipes,
        ..options(mode)
    };
    let (near, far) = (doors.joined(client).await, doors.joined(upstream).await);
    let head = Bytes::copy_from_slice(up.split_at(*prefix).0);
    let rig = Rig::between(near, far, options, head);

    let (at_client, at_upstream) = (Progress::new(*prefix), Progress::new(0));
    let client = Peer {
        script: client,
        stream: up,
        expected: down,
        progress: &at_client,
        other: &at_upstream,
    };
    let upstream = Peer {
        script: upstream,
        stream: down,
        expected: up,
        progress: &at_upstream,
        other: &at_client,
    };
    let cancels = async {
        if let Some(read) = schedule.cancel {
            at_upstream.has_read(read).await;
            rig.cancel.cancel();
        }
    };
    let (client, upstream, (), ended) = tokio::join!(
        client.run(rig.client),
        upstream.run(rig.upstream),
        cancels,
        rig.relay
    );
    let outcome = Outcome {
        client: client?,
        upstream: upstream?,
        ended: ended.map_err(|error| error.to_string())?,
        sent: rig.counters.sent(),
        received: rig.counters.received(),
    };
    judge(schedule, &outcome).map_err(|error| format!("{error}: {outcome:#?}"))
}

/// What `script` writes.
fn stretch<'a>(rng: &mut Rng, bytes: &'a [u8], script: &Script) -> &'a [u8] {
    let (_, from) = bytes.split_at(rng.usize(0..LONGEST));
    from.split_at(script.total()).0
}

/// Listeners that one schedule after another uses: a port for each connection, and those of the closed
/// ones are not free for a minute, would be more than there are.
struct Doors {
    plain: TcpListener,
    sized: TcpListener,
}

impl Doors {
    fn new() -> Self {
        Self {
            plain: listener(None),
            sized: listener(None),
        }
    }

    /// Both ends of the connection of the peer that follows `script`.
    async fn joined(&self, script: &Script) -> (TcpStream, TcpStream) {
        let door = match script.buffers {
            None => &self.plain,
            // What is accepted has what the listener has then; it never has the system's again.
            Some(size) => {
                let size = usize::try_from(size).expect("a small number");
                let door = SockRef::from(&self.sized);
                door.set_send_buffer_size(size).expect("SO_SNDBUF");
                door.set_recv_buffer_size(size).expect("SO_RCVBUF");
                &self.sized
            }
        };
        let (near, far) = through(door, script.buffers).await;
        for socket in [&near, &far] {
            socket.set_nodelay(script.prompt).expect("TCP_NODELAY");
        }
        (near, far)
    }
}
