//! The race, on a paused clock; and one real socket.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Mutex;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::*;

const DELAY: Duration = Duration::from_millis(250);

/// How an address behaves.
#[derive(Clone, Copy)]
enum Fate {
    Accepts(u64),
    Fails(u64),
    Silent,
}

/// Races addresses `192.0.2.1:1`, `:2`, … with these fates; returns the port that won or failed,
/// when it was over, and when each was begun, in milliseconds.
async fn race_of(fates: &[Fate]) -> (Result<u16, u16>, u64, Vec<u64>) {
    let start = Instant::now();
    let since = move || u64::try_from(start.elapsed().as_millis()).expect("milliseconds");
    let begun = Mutex::new(Vec::new());
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
                Fate::Silent => (Duration::MAX, Ok(())),
            };
            sleep(wait).await;
            outcome
        }
    };
    let outcome = match race(&addresses, DELAY, attempt).await {
        Ok((addr, ())) => Ok(addr.port()),
        Err(Some((addr, _))) => Err(addr.port()),
        Err(None) => Err(0),
    };
    (outcome, since(), begun.into_inner().expect("the lock"))
}

#[tokio::test(start_paused = true)]
async fn one_address_that_accepts_is_taken_alone() {
    let (outcome, _, begun) = race_of(&[Fate::Accepts(100), Fate::Accepts(0)]).await;
    assert_eq!((outcome, begun), (Ok(1), vec![0]));
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_after_the_delay_and_the_first_to_accept_wins() {
    let (outcome, took, begun) = race_of(&[Fate::Silent, Fate::Silent, Fate::Accepts(10)]).await;
    assert_eq!((outcome, begun), (Ok(3), vec![0, 250, 500]));
    assert!((510..=520).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_address_may_still_win() {
    let (outcome, ..) = race_of(&[Fate::Accepts(300), Fate::Accepts(100)]).await;
    assert_eq!(outcome, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_starts_the_next_address_at_once() {
    let (outcome, _, begun) = race_of(&[Fate::Fails(20), Fate::Accepts(0)]).await;
    assert_eq!(outcome, Ok(2));
    assert!(
        begun.get(1).is_some_and(|at| (20..=25).contains(at)),
        "{begun:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_most_wanted_address_is_reported() {
    let fates = [Fate::Fails(400), Fate::Fails(10), Fate::Fails(0)];
    assert_eq!(race_of(&fates).await.0, Err(1));
}

#[tokio::test(start_paused = true)]
async fn no_address_is_an_error_at_once() {
    assert_eq!(race_of(&[]).await, (Err(0), 0, vec![]));
}

/// Remembers what was marked, and whether it was connected already.
#[derive(Default)]
struct Watch(Mutex<Vec<(RawFd, bool)>>);

impl Mark for Watch {
    fn mark(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let connected = SockRef::from(&socket).peer_addr().is_ok();
        self.0
            .lock()
            .expect("the lock")
            .push((socket.as_raw_fd(), connected));
        Ok(())
    }
}

#[tokio::test]
async fn a_socket_is_marked_before_it_connects_and_has_its_options() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let watch = Arc::new(Watch::default());
    let stream = open(addr, Arc::clone(&watch) as Arc<dyn Mark>)
        .await
        .expect("a connection");
    let marked = watch.0.lock().expect("the lock").clone();
    assert_eq!(marked, [(stream.as_raw_fd(), false)]);
    assert!(stream.nodelay().expect("the option"));
    assert!(SockRef::from(&stream).keepalive().expect("the option"));
}

struct Refuse;

impl Mark for Refuse {
    fn mark(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[tokio::test]
async fn a_socket_that_cannot_be_marked_is_not_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let outcome = open(addr, Arc::new(Refuse)).await;
    assert!(
        matches!(outcome, Err(AttemptError::Socket(_))),
        "{outcome:?}"
    );
    let accepted = timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "something connected");
}
