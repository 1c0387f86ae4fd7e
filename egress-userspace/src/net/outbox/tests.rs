//! Messages of real sockets.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::super::poller::Poller;
use super::super::wakes::Wakes;
use super::*;
use crate::net::TcpStream;

/// Far more than any of these takes.
const DEADLINE: Duration = Duration::from_secs(30);

async fn pairs(count: usize) -> Vec<(TcpStream, tokio::net::TcpStream)> {
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push(TcpStream::pair().await);
    }
    pairs
}

async fn read(peer: &mut tokio::net::TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = timeout(DEADLINE, peer.read_exact(&mut bytes)).await;
    read.expect("in time").expect("bytes");
    bytes
}

/// Whether the kernel has something for a socket, whatever its poller believes.
fn has_arrived(peer: &tokio::net::TcpStream) -> bool {
    SockRef::from(peer)
        .peek(&mut [MaybeUninit::uninit()])
        .is_ok()
}

/// Fills a socket, which its poller does not hear of.
fn fill(stream: &TcpStream) {
    let piece = vec![7; 64 * 1024];
    let socket = SockRef::from(stream);
    while socket.send(&piece).is_ok() {}
}

fn is_sent(stream: &TcpStream) -> bool {
    stream
        .poll_sent(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[tokio::test]
async fn messages_gather_until_others_have_had_their_turn_and_go_where_they_belong() {
    let mut pairs = pairs(20).await;
    for (number, (near, _)) in pairs.iter().enumerate() {
        assert!(near.post(&[u8::try_from(number).expect("small")]));
        // One at a time.
        assert!(!near.post(b"more"));
    }
    for (near, far) in &pairs {
        assert!(!is_sent(near));
        assert!(!has_arrived(far));
    }
    yield_now().await;
    for (number, (near, far)) in pairs.iter_mut().enumerate() {
        assert!(is_sent(near));
        assert!(near.take_unsent().is_none());
        let number = u8::try_from(number).expect("small");
        assert_eq!(read(far, 1).await, [number]);
        assert!(near.post(b"more"));
    }
}

#[tokio::test]
async fn what_becomes_of_a_message_can_be_heard_at_once() {
    for count in [1, 2] {
        let mut pairs = pairs(count).await;
        for (near, _) in &pairs {
            assert!(near.post(b"now"));
        }
        let (first, _) = pairs.first().expect("one");
        assert!(first.take_unsent().is_none());
        for (near, far) in &mut pairs {
            assert!(is_sent(near));
            assert!(has_arrived(far));
            assert_eq!(read(far, 3).await, b"now");
        }
    }
}

#[tokio::test]
async fn what_there_is_no_room_for_is_given_back_to_who_is_woken() {
    for others in [0, 1] {
        let (near, _far) = TcpStream::pair().await;
        let others = pairs(others).await;
        fill(&near);
        assert!(near.post(b"too much"));
        for (other, _) in &others {
            assert!(other.post(b"fits"));
        }
        let (sender, waker) = Wakes::none();
        let sent = near.poll_sent(&mut Context::from_waker(&waker));
        assert_eq!(sent, Poll::Pending);
        for (other, _) in &others {
            assert!(
                other
                    .poll_sent(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        yield_now().await;
        // The others' has been sent: nobody needs to hear of it.
        assert_eq!(sender.count(), 1);
        assert!(near.send_error(io::Error::kind).is_none());
        let Unsent { bytes, error } = near.take_unsent().expect("there is no room");
        assert_eq!(bytes, &b"too much"[..]);
        assert!(error.is_none());
        assert!(near.take_unsent().is_none());
    }
}

#[tokio::test]
async fn a_failure_is_told_of_until_it_is_heard() {
    for others in [0, 1] {
        let (near, far) = TcpStream::pair().await;
        let others = pairs(others).await;
        let mut failed = pin!(near.failed());
        SockRef::from(&far)
            .set_linger(Some(Duration::ZERO))
            .expect("a TCP socket");
        drop(far);
        timeout(DEADLINE, &mut failed).await.expect("in time");
        assert!(near.post(b"lost"));
        for (other, _) in &others {
            assert!(other.post(b"fits"));
        }
        yield_now().await;
        for _ in 0..2 {
            assert_eq!(
                near.send_error(io::Error::kind),
                Some(ErrorKind::ConnectionReset)
            );
        }
        let unsent = near.take_unsent().expect("nobody is there");
        assert_eq!(unsent.bytes, &b"lost"[..]);
        assert_eq!(
            unsent.error.map(|error| error.kind()),
            Some(ErrorKind::ConnectionReset)
        );
        assert!(near.send_error(io::Error::kind).is_none());
    }
}

#[tokio::test]
async fn a_socket_that_is_dropped_sends_its_message_first_and_nobody_else_does() {
    let (near, mut far) = TcpStream::pair().await;
    let (other, mut others) = TcpStream::pair().await;
    assert!(near.post(b"last"));
    drop(near);
    // It may have the descriptor now.
    let (next, mut nexts) = TcpStream::pair().await;
    assert!(next.post(b"next"));
    assert!(other.post(b"other"));
    yield_now().await;
    assert_eq!(read(&mut far, 4).await, b"last");
    assert_eq!(far.read(&mut [0]).await.expect("an end"), 0);
    assert_eq!(read(&mut nexts, 4).await, b"next");
    assert_eq!(read(&mut others, 5).await, b"other");
    assert!(!has_arrived(&nexts));
}

#[tokio::test]
async fn what_is_long_does_not_gather() {
    let (near, mut far) = TcpStream::pair().await;
    assert!(!near.post(&[0; LONGEST + 1]));
    assert!(near.post(&[1; LONGEST]));
    assert!(near.take_unsent().is_none());
    assert_eq!(read(&mut far, LONGEST).await, [1; LONGEST]);
}

#[tokio::test]
async fn what_has_gathered_is_sent_when_there_is_no_room_for_more() {
    for (message, most) in [
        (vec![2; LONGEST], BYTES / LONGEST),
        (vec![3], MESSAGES as usize),
    ] {
        let pairs = pairs(most + 1).await;
        let (last, others) = pairs.split_last().expect("some");
        for (near, far) in others {
            assert!(near.post(&message));
            assert!(!has_arrived(far));
        }
        assert!(last.0.post(&message));
        for (near, far) in others {
            assert!(is_sent(near));
            assert!(has_arrived(far));
        }
        assert!(!has_arrived(&last.1));
        yield_now().await;
        assert!(has_arrived(&last.1));
    }
}

#[tokio::test]
async fn another_thread_can_send_what_has_gathered() {
    let mut pairs = pairs(3).await;
    for (near, _) in &pairs {
        assert!(near.post(b"all"));
    }
    let (gone, mut far) = pairs.pop().expect("one");
    thread::scope(|scope| {
        scope.spawn(|| drop(gone));
    });
    assert_eq!(read(&mut far, 3).await, b"all");
    for (near, far) in &mut pairs {
        assert!(is_sent(near));
        assert_eq!(read(far, 3).await, b"all");
        assert!(near.post(b"more"));
    }
}

#[tokio::test]
async fn where_the_ring_fails_each_is_sent_by_itself_from_then_on() {
    let mut pairs = pairs(3).await;
    for (near, _) in &pairs {
        assert!(near.post(b"all"));
    }
    let poller = Poller::current().expect("with the runtime");
    poller
        .outbox()
        .ring
        .as_ref()
        .expect("io_uring")
        .break_down();
    yield_now().await;
    for (near, far) in &mut pairs {
        assert_eq!(read(far, 3).await, b"all");
        assert!(near.take_unsent().is_none());
        assert!(!near.post(b"alone"));
    }
}
