//! A reset beside a peer that does not read: it learns of it too, once it had its time to read.

use std::io::ErrorKind;

use super::*;

/// Buffers on the deaf peer's side: a batch of either engine is more than fits.
const BUFFER: u32 = 8 * 1024;

/// What the relay's send buffer holds at most: the kernel doubles it.
const UNSENT: u64 = 2 * BUFFER as u64;

#[tokio::test]
async fn a_reset_reaches_a_peer_that_sends_and_does_not_read() {
    // Together, because each waits for as long as a deaf peer is given.
    let [auto, splice, copy] = MODES.map(|mode| reset_before_a_deaf_upstream(mode, true));
    tokio::join!(auto, splice, copy);
}

#[tokio::test]
async fn a_reset_reaches_a_peer_that_is_silent_and_does_not_read() {
    let [auto, splice, copy] = MODES.map(|mode| reset_before_a_deaf_upstream(mode, false));
    tokio::join!(auto, splice, copy);
}

async fn reset_before_a_deaf_upstream(mode: Mode, sends: bool) {
    let small = connected(Some(BUFFER)).await;
    let Rig {
        client,
        mut upstream,
        counters,
        relay,
        ..
    } = Rig::between(connected(None).await, small, options(mode), Bytes::new());
    flood(&client).await;
    if sends {
        flood(&upstream).await;
    }
    reset(client);
    let ended = relay.await.expect("the relay");
    let cut = Cut::Reset { by: Side::Client };
    assert_eq!(ended.by, CloseReason::Cut(cut), "{mode:?}");
    assert_eq!(ended.client_to_upstream, End::Cut(cut), "{mode:?}");
    let (read, error) = drain(&mut upstream).await;
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "{mode:?}");
    let unsent = counters.sent() - read.len() as u64;
    assert!(
        unsent <= UNSENT,
        "{mode:?}: {unsent} bytes counted and not written"
    );
}

#[tokio::test]
async fn a_deaf_client_does_not_hold_a_relay_whose_upstream_is_gone() {
    let [auto, splice, copy] = MODES.map(answer_a_deaf_client);
    tokio::join!(auto, splice, copy);
}

async fn answer_a_deaf_client(mode: Mode) {
    let (upstream, dialled) = connected(None).await;
    flood(&upstream).await;
    reset(upstream);
    dialled
        .ready(tokio::io::Interest::ERROR)
        .await
        .expect("the reset");
    // The kernel has told of it before it could tell the relay's own watch.
    let dialled = dialled.into_std().expect("a socket");
    assert!(dialled.take_error().expect("SO_ERROR").is_some());
    let dialled = TcpStream::from_std(dialled).expect("a socket");

    let (kept, small) = (connected(None).await.0, connected(Some(BUFFER)).await);
    let prefix = Bytes::from_static(b"hello");
    let mut rig = Rig::between(small, (kept, dialled), options(mode), prefix);
    let ended = (&mut rig.relay).await.expect("the relay");
    let cut = Cut::Reset { by: Side::Upstream };
    assert_eq!(ended.by, CloseReason::Cut(cut), "{mode:?}");
    let (read, error) = drain(&mut rig.client).await;
    assert!(
        !read.is_empty(),
        "{mode:?}: nothing of what came before the reset"
    );
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "{mode:?}");
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_written_all_that_came_before_a_reset() {
    /// Fits the client's side, and is far more than fits the upstream's.
    const ALL: usize = 100_000;

    for mode in MODES {
        let small = connected(Some(BUFFER)).await;
        let Rig {
            mut client,
            mut upstream,
            counters,
            relay,
            ..
        } = Rig::between(connected(None).await, small, options(mode), Bytes::new());
        write(&mut client, &pattern(8, ALL)).await;
        reset(client);
        let (read, error) = drain(&mut upstream).await;
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{mode:?}");
        let ended = relay.await.expect("the relay");
        let cut = Cut::Reset { by: Side::Client };
        assert_eq!(
            ended.client_to_upstream,
            End::Cut(cut),
            "{mode:?}: taken for a clean end"
        );
        assert_eq!(counters.sent(), ALL as u64, "{mode:?}");
        assert!(
            ALL as u64 - read.len() as u64 <= UNSENT,
            "{mode:?}: {} bytes",
            read.len()
        );
    }
}
