//! Real sockets, each told of by its thread's own `epoll`.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;

/// Far more than any of these takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Both ends of a connection: the first as one that was connected, the second as one of which nothing is known.
async fn pair() -> (TcpStream, TcpStream) {
    let (near, far) = TcpStream::pair().await;
    (near, far.try_into().expect("with the runtime"))
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

/// Writes until there is no room.
fn fill(stream: &TcpStream) -> usize {
    let piece = vec![7; 64 * 1024];
    let mut written = 0;
    loop {
        match stream.try_write(&piece) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn bytes_and_ends_are_heard_of() {
    let (mut near, mut far) = pair().await;
    assert!(near.readable().now_or_never().is_none());
    far.write_all(b"hello").await.expect("room");
    let mut got = [0; 5];
    in_time(near.peek(&mut got)).await.expect("bytes");
    in_time(near.read_exact(&mut got)).await.expect("bytes");
    assert_eq!(&got, b"hello");
    assert!(near.read(&mut got).now_or_never().is_none());
    far.shutdown().await.expect("an end");
    assert_eq!(in_time(near.read(&mut got)).await.expect("an end"), 0);
    // An end stays one.
    assert_eq!(in_time(near.read(&mut got)).await.expect("an end"), 0);
}

#[tokio::test]
async fn room_is_heard_of_by_who_found_none() {
    let (near, far) = pair().await;
    // One of the two was known to have room, and is not told of any until it finds none.
    for (writer, reader) in [(&near, &far), (&far, &near)] {
        in_time(writer.writable()).await;
        let mut left = fill(writer);
        assert!(writer.writable().now_or_never().is_none());
        let room = async {
            writer.writable().await;
            writer.try_write(b".").expect("room");
        };
        let taken = async {
            let mut bytes = vec![0; 64 * 1024];
            while left > 0 {
                reader.readable().await;
                left -= reader.try_read(&mut bytes).unwrap_or(0).min(left);
            }
        };
        in_time(async { tokio::join!(room, taken) }).await;
    }
}

#[tokio::test]
async fn a_failure_is_heard_of_and_nothing_else_is_one() {
    let (near, far) = pair().await;
    let mut failed = pin!(near.failed());
    in_time(far.writable()).await;
    far.try_write(b"bytes").expect("room");
    assert!(failed.as_mut().now_or_never().is_none());
    far.set_zero_linger().expect("a TCP socket");
    drop(far);
    in_time(failed).await;
    let error = near.take_error().expect("a socket").expect("its error");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn each_of_a_crowd_is_heard_of() {
    // More than are taken with all calls of one go.
    const CROWD: usize = 700;
    let mut pairs = Vec::new();
    for _ in 0..CROWD {
        pairs.push(pair().await);
    }
    for (_, far) in &pairs {
        in_time(far.writable()).await;
    }
    let reading: Vec<_> = pairs.iter().map(|(near, _)| near.readable()).collect();
    let reading = pin!(join_all(reading));
    for (_, far) in &pairs {
        far.try_write(b".").expect("room");
    }
    in_time(reading).await;
}

#[tokio::test]
async fn one_that_takes_the_place_of_another_hears_of_its_own() {
    for _ in 0..100 {
        let (gone, far) = pair().await;
        in_time(far.writable()).await;
        // What comes is told of after its socket has gone.
        far.try_write(b".").expect("room");
        drop(gone);
        let (next, _peer) = pair().await;
        yield_now().await;
        let read = next.try_read(&mut [0]).expect_err("nothing");
        assert_eq!(read.kind(), io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn others_have_their_turn_while_one_is_always_ready() {
    let (near, far) = pair().await;
    in_time(far.writable()).await;
    far.try_write(b".").expect("room");
    in_time(near.readable()).await;
    let had_turn = Arc::new(AtomicBool::new(false));
    tokio::spawn({
        let had_turn = Arc::clone(&had_turn);
        async move { had_turn.store(true, Ordering::Relaxed) }
    });
    // Nothing is read, so it stays ready.
    for _ in 0..1_000 {
        near.readable().await;
    }
    assert!(had_turn.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_by_an_alarm_which_rings_once() {
    let (near, _far) = pair().await;
    assert!(!near.has_alarm());
    let begun = Instant::now();
    near.set_alarm(begun + Duration::from_mins(1));
    assert!(near.has_alarm());
    let mut waits = 0;
    poll_fn(|cx| {
        waits += 1;
        if near.has_alarm() {
            near.poll_readable(cx)
        } else {
            Poll::Ready(())
        }
    })
    .await;
    let late = begun.elapsed().saturating_sub(Duration::from_mins(1));
    assert!(late <= Duration::from_millis(500), "{late:?}");
    assert_eq!(waits, 2);
    // What replaces another is what counts.
    near.set_alarm(begun);
    near.set_alarm(Instant::now() + Duration::from_hours(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(near.has_alarm());
}

#[test]
fn there_is_none_without_a_runtime_and_a_new_one_with_each() {
    let socket = || {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let near = std::net::TcpStream::connect(address).expect("connected");
        near.set_nonblocking(true).expect("the option");
        (near, listener.accept().expect("accepted").0)
    };
    assert!(TcpStream::from_std(socket().0).is_err());
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let (near, far) = socket();
            let near = TcpStream::from_std(near).expect("with the runtime");
            (&far).write_all(b".").expect("room");
            in_time(near.readable()).await;
        });
    }
}
