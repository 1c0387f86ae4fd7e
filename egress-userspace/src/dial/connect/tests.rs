//! One real socket.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Mutex;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

const PLAIN: Wanted = Wanted { speaks: false };

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
    let stream = open(addr, PLAIN, Arc::clone(&watch) as Arc<dyn Mark>)
        .await
        .expect("a connection");
    let marked = watch.0.lock().expect("the lock").clone();
    assert_eq!(marked, [(stream.as_raw_fd(), false)]);
    assert!(stream.nodelay().expect("the option"));
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
    let outcome = open(addr, PLAIN, Arc::new(Refuse)).await;
    assert!(
        matches!(outcome, Err(AttemptError::Socket(_))),
        "{outcome:?}"
    );
    let accepted = timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "something connected");
}

#[test]
fn that_no_port_is_left_is_not_held_against_the_address() {
    let none_left = of_connecting(io::ErrorKind::AddrNotAvailable.into());
    assert!(matches!(none_left, AttemptError::Socket(_)));
    let refused = of_connecting(io::ErrorKind::ConnectionRefused.into());
    assert!(matches!(refused, AttemptError::Connect(_)));
}

#[tokio::test]
async fn an_address_that_refuses_is_told_of_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    drop(listener);
    let outcome = open(addr, PLAIN, Arc::new(Watch::default())).await;
    let Err(AttemptError::Connect(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// Whether the peer has a connection as soon as `open` is over, which is before anything is sent on it.
async fn is_accepted_in_silence(speaks: bool) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let wanted = Wanted { speaks, ..PLAIN };
    let stream = open(addr, wanted, Arc::new(Watch::default())).await;
    let accepted = timeout(Duration::ZERO, listener.accept()).await.is_ok();
    drop(stream.expect("connected"));
    accepted
}

#[tokio::test]
async fn a_handshake_is_acknowledged_by_the_first_bytes_if_there_are_any() {
    assert!(is_accepted_in_silence(false).await);
    // The kernel waits 0.2 s for the bytes, which a busy machine can make of any moment.
    let mut accepted = true;
    for _ in 0..5 {
        accepted &= is_accepted_in_silence(true).await;
    }
    assert!(!accepted, "acknowledged before the first bytes, each time");
}
