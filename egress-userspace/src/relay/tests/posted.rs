//! Messages that gather with others, and what becomes of them until they are sent.

use std::io::ErrorKind;

use futures_util::poll;
use socket2::SockRef;
use tokio::task::yield_now;

use super::*;

/// A relay that nobody ends.
fn start<'a>(
    client: net::TcpStream,
    upstream: TcpStream,
    options: &'a Options,
    counters: &'a Counters,
) -> Pin<Box<impl Future<Output = Ended> + 'a>> {
    let never = std::future::pending();
    let upstream = ours(upstream);
    Box::pin(relay(
        client,
        upstream,
        Bytes::new(),
        options,
        counters,
        never,
    ))
}

/// Polls a relay until it has posted a message of the upstream's for the client, which does not have it yet.
async fn until_posted(
    mut relay: Pin<&mut impl Future<Output = Ended>>,
    counters: &Counters,
    message: &[u8],
) {
    while counters.received() < message.len() as u64 {
        yield_now().await;
        assert!(poll!(relay.as_mut()).is_pending());
    }
}

#[tokio::test]
async fn a_client_that_resets_while_a_message_waits_for_it_has_not_ended() {
    let (client, accepted) = connected(None).await;
    let (mut upstream, dialled) = connected(None).await;
    let (options, counters) = (options(Mode::Auto), Counters::default());
    let mut relay = start(ours(accepted), dialled, &options, &counters);
    write(&mut upstream, b"message").await;
    until_posted(relay.as_mut(), &counters, b"message").await;
    let early = client.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock), "it was not posted");
    // To send it fails, and that takes with it what the relay would read: it would find an end.
    reset(client);
    // Who sends has its turn, and then who tells that there is something to read.
    for _ in 0..3 {
        yield_now().await;
    }
    let ended = timeout(DEADLINE, relay).await.expect("an end");
    let by_client = Cut::Reset { by: Side::Client };
    assert_eq!(ended.by, CloseReason::Cut(by_client));
    assert_eq!(ended.client_to_upstream, End::Cut(by_client));
    assert_eq!(counters.received(), 0, "counted what was not written");
    let (read, error) = drain(&mut upstream).await;
    assert_eq!(read, b"");
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "a clean end");
}

#[tokio::test]
async fn a_message_that_there_is_no_room_for_comes_when_there_is() {
    let (mut client, accepted) = connected(Some(16 * 1024)).await;
    let (mut upstream, dialled) = connected(None).await;
    let (options, counters) = (options(Mode::Auto), Counters::default());
    let near = ours(accepted);
    timeout(DEADLINE, near.writable()).await.expect("room");
    // The relay does not know of it.
    let (piece, mut filled) = ([7; 1024], 0);
    while let Ok(sent) = SockRef::from(&near).send(&piece) {
        filled += sent;
    }
    let mut relay = start(near, dialled, &options, &counters);
    write(&mut upstream, b"message").await;
    until_posted(relay.as_mut(), &counters, b"message").await;
    yield_now().await;
    assert!(poll!(&mut relay).is_pending());
    assert_eq!(counters.received(), 0, "counted what was not written");
    let mut got = vec![0; filled + b"message".len()];
    let read = async { client.read_exact(&mut got).await.expect("bytes") };
    tokio::select! {
        _ = &mut relay => panic!("it has ended"),
        read = timeout(DEADLINE, read) => read.expect("in time"),
    };
    assert!(got.ends_with(b"message"));
    assert_eq!(counters.received(), 7);
}

#[tokio::test]
async fn messages_with_pauses_between_them_never_give_way() {
    let (_client, accepted) = connected(None).await;
    let (mut upstream, dialled) = connected(None).await;
    let (options, counters) = (options(Mode::Auto), Counters::default());
    let mut relay = start(ours(accepted), dialled, &options, &counters);
    for count in 1..=100 {
        assert!(poll!(&mut relay).is_pending());
        write(&mut upstream, b".").await;
        // The last one is sent, and this one is told of.
        for _ in 0..3 {
            yield_now().await;
        }
        assert!(poll!(&mut relay).is_pending());
        assert_eq!(counters.received(), count);
    }
}
