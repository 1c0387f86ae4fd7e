//! One real socket.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

const PLAIN: Wanted = Wanted {
    speaks: false,
    introduces: false,
};

#[tokio::test]
async fn a_socket_has_its_options() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let wanted = Wanted {
        introduces: true,
        ..PLAIN
    };
    for (wanted, is_prompt) in [(wanted, true), (PLAIN, false)] {
        let stream = open(addr, wanted).await.expect("a connection");
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_nodelay().expect("the option"), is_prompt);
    }
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
    let outcome = open(addr, PLAIN).await;
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
    let stream = open(addr, wanted).await;
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
