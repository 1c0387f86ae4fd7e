//! The race, on a paused clock.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use tokio::time::sleep;

use super::*;

const DELAY: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_secs(10);

/// How an address behaves.
#[derive(Clone, Copy)]
enum Fate {
    Accepts(u64),
    Fails(u64),
    /// The socket cannot be made.
    Broken,
    Silent,
}

/// How a race went.
struct Race {
    /// The port that won, or that is reported.
    outcome: Result<u16, u16>,
    /// When it was over, in milliseconds.
    took: u64,
    /// When each was begun.
    begun: Vec<u64>,
    /// The ports that are said to have failed.
    failed: Vec<u16>,
}

/// Races addresses `192.0.2.1:1`, `:2`, … with these fates.
async fn race_of(fates: &[Fate]) -> Race {
    race_with(fates, DELAY, &Arc::new(Semaphore::new(100))).await
}

async fn race_with(fates: &[Fate], delay: Duration, spare: &Arc<Semaphore>) -> Race {
    let start = Instant::now();
    let since = move || u64::try_from(start.elapsed().as_millis()).expect("milliseconds");
    let begun = Mutex::new(Vec::new());
    let failed = Mutex::new(Vec::new());
    let addresses: Vec<_> = (1u16..)
        .zip(fates)
        .map(|(port, _)| Cleared::permitted((Ipv4Addr::new(192, 0, 2, 1), port).into()))
        .collect();
    let attempt = |addr: SocketAddr| {
        begun.lock().expect("the lock").push(since());
        let fate = fates
            .get(usize::from(addr.port()) - 1)
            .copied()
            .expect("a fate");
        async move {
            let (wait, outcome) = match fate {
                Fate::Accepts(ms) => (Duration::from_millis(ms), Ok(())),
                Fate::Fails(ms) => (
                    Duration::from_millis(ms),
                    Err(AttemptError::Connect(
                        io::ErrorKind::ConnectionRefused.into(),
                    )),
                ),
                Fate::Broken => (
                    Duration::ZERO,
                    Err(AttemptError::Socket(io::ErrorKind::OutOfMemory.into())),
                ),
                Fate::Silent => (Duration::MAX, Ok(())),
            };
            sleep(wait).await;
            outcome
        }
    };
    let pace = Pace {
        timeout: TIMEOUT,
        delay,
        spare: Arc::clone(spare),
    };
    let blame = |addr: SocketAddr| failed.lock().expect("the lock").push(addr.port());
    let (first, others) = addresses.split_first().expect("an address");
    let first = (first.addr(), attempt(first.addr()));
    let outcome = match race(first, others, &pace, attempt, blame).await {
        Ok((addr, ())) => Ok(addr.port()),
        Err(Lost::Failed(addr, _)) => Err(addr.port()),
        Err(Lost::Nowhere) => unreachable!("no attempt panics"),
        Err(Lost::Timeout) => Err(u16::MAX),
    };
    Race {
        outcome,
        took: since(),
        begun: begun.into_inner().expect("the lock"),
        failed: failed.into_inner().expect("the lock"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_that_accepts_is_taken_alone() {
    let race = race_of(&[Fate::Accepts(100), Fate::Accepts(0)]).await;
    assert_eq!((race.outcome, race.begun), (Ok(1), vec![0]));
    assert!(race.failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_after_the_delay_and_the_first_to_accept_wins() {
    let race = race_of(&[Fate::Silent, Fate::Silent, Fate::Accepts(10)]).await;
    assert_eq!((race.outcome, race.begun), (Ok(3), vec![0, 250, 500]));
    assert!((510..=520).contains(&race.took), "{}", race.took);
    // Both were overtaken.
    assert_eq!(race.failed, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_address_may_still_win() {
    let race = race_of(&[Fate::Accepts(300), Fate::Accepts(100)]).await;
    assert_eq!(race.outcome, Ok(1));
    assert!(race.failed.is_empty(), "who is overtaken began earlier");
}

#[tokio::test(start_paused = true)]
async fn a_failure_starts_the_next_address_at_once() {
    let race = race_of(&[Fate::Fails(20), Fate::Accepts(0)]).await;
    assert_eq!((race.outcome, race.failed), (Ok(2), vec![1]));
    assert!(
        race.begun.get(1).is_some_and(|at| (20..=25).contains(at)),
        "{:?}",
        race.begun
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_most_wanted_address_is_reported() {
    let race = race_of(&[Fate::Fails(400), Fate::Fails(10), Fate::Fails(0)]).await;
    assert_eq!(race.outcome, Err(1));
    assert_eq!(race.failed, [2, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_this_side_is_not_held_against_the_address() {
    let race = race_of(&[Fate::Broken, Fate::Accepts(0)]).await;
    assert_eq!((race.outcome, race.failed), (Ok(2), vec![]));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_timeout_and_is_held_against_all() {
    let race = race_of(&[Fate::Silent, Fate::Silent]).await;
    assert_eq!(race.outcome, Err(u16::MAX));
    assert_eq!(race.took, 10_000);
    assert_eq!(race.failed, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn four_run_at_once_and_the_oldest_gives_way_once_its_syn_is_lost() {
    let mut fates = [Fate::Silent; 7];
    if let Some(last) = fates.last_mut() {
        *last = Fate::Accepts(0);
    }
    let race = race_of(&fates).await;
    // From the fifth on, each waits until the oldest is a second old.
    assert_eq!(race.begun, [0, 250, 500, 750, 1_000, 1_250, 1_500]);
    assert_eq!(race.outcome, Ok(7));
    assert_eq!(race.failed, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_four_run_at_once_however_short_the_delay() {
    let delay = Duration::from_millis(100);
    let spare = Arc::new(Semaphore::new(100));
    let race = race_with(&[Fate::Silent; 6], delay, &spare).await;
    assert_eq!(race.begun, [0, 100, 200, 300, 1_000, 1_100]);
}

#[tokio::test(start_paused = true)]
async fn without_spare_sockets_addresses_are_tried_one_by_one() {
    let none = Arc::new(Semaphore::new(0));
    let race = race_with(
        &[Fate::Silent, Fate::Fails(10), Fate::Accepts(10)],
        DELAY,
        &none,
    )
    .await;
    assert_eq!(race.outcome, Ok(3));
    assert_eq!(race.begun, [0, 1_000, 1_010]);
}

#[tokio::test(start_paused = true)]
async fn spare_sockets_are_given_back() {
    let spare = Arc::new(Semaphore::new(3));
    race_with(
        &[Fate::Silent, Fate::Silent, Fate::Accepts(10)],
        DELAY,
        &spare,
    )
    .await;
    tokio::task::yield_now().await;
    assert_eq!(spare.available_permits(), 3);
}
