//! How a stream's end, silence and the gateway's own will end a relay.

use std::io::ErrorKind;
use std::time::Instant;

use super::*;

const EOF: (Vec<u8>, Option<ErrorKind>) = (Vec::new(), None);

#[tokio::test]
async fn the_client_may_finish_and_still_be_answered() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.client, b"question").await;
        rig.client.shutdown().await.expect("shutdown");
        assert_eq!(
            drain(&mut rig.upstream).await,
            (b"question".to_vec(), None),
            "{mode:?}"
        );
        assert!(
            !rig.relay.is_finished(),
            "{mode:?}: ended with one direction open"
        );
        write(&mut rig.upstream, b"answer").await;
        drop(rig.upstream);
        assert_eq!(
            drain(&mut rig.client).await,
            (b"answer".to_vec(), None),
            "{mode:?}"
        );
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(
            ended.by,
            CloseReason::Finished {
                first: Side::Client
            },
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn the_upstream_may_finish_and_still_be_sent_to() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.upstream, b"greeting").await;
        rig.upstream.shutdown().await.expect("shutdown");
        assert_eq!(
            drain(&mut rig.client).await,
            (b"greeting".to_vec(), None),
            "{mode:?}"
        );
        assert!(
            !rig.relay.is_finished(),
            "{mode:?}: ended with one direction open"
        );
        write(&mut rig.client, b"more").await;
        rig.client.shutdown().await.expect("shutdown");
        assert_eq!(
            drain(&mut rig.upstream).await,
            (b"more".to_vec(), None),
            "{mode:?}"
        );
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(
            ended.by,
            CloseReason::Finished {
                first: Side::Upstream
            },
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn two_ends_without_a_byte_close_both_cleanly() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        rig.client.shutdown().await.expect("shutdown");
        assert_eq!(drain(&mut rig.upstream).await, EOF, "{mode:?}");
        rig.upstream.shutdown().await.expect("shutdown");
        assert_eq!(drain(&mut rig.client).await, EOF, "{mode:?}");
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(
            (ended.client_to_upstream, ended.upstream_to_client),
            (End::Eof, End::Eof)
        );
    }
}

/// Both peers must see a reset, and the end of both directions be `cut`.
async fn assert_cut(mut rig: Rig, cut: Cut) {
    let ended = rig.relay.await.expect("the relay");
    assert_eq!(ended.by, CloseReason::Cut(cut));
    assert_eq!(ended.client_to_upstream, End::Cut(cut));
    assert_eq!(ended.upstream_to_client, End::Cut(cut));
    assert_eq!(
        drain(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    assert_eq!(
        drain(&mut rig.upstream).await.1,
        Some(ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn silence_ends_the_relay_by_a_reset() {
    for mode in MODES {
        let idle_timeout = Some(Duration::from_millis(50));
        let options = Options {
            idle_timeout,
            ..options(mode)
        };
        assert_cut(Rig::with(options, Bytes::new()).await, Cut::IdleTimeout).await;
    }
}

#[tokio::test]
async fn bytes_keep_the_relay_alive() {
    /// Long enough that no machine is too busy for one exchange in it.
    const SILENCE: Duration = Duration::from_millis(500);

    let options = Options {
        idle_timeout: Some(SILENCE),
        ..options(Mode::Auto)
    };
    let mut rig = Rig::with(options, Bytes::new()).await;
    let start = Instant::now();
    while start.elapsed() < 2 * SILENCE {
        write(&mut rig.client, b"?").await;
        read_exactly(&mut rig.upstream, 1).await;
    }
    assert!(!rig.relay.is_finished());
}

#[tokio::test]
async fn a_relay_ends_by_a_reset_when_it_has_lasted_as_long_as_it_may() {
    for mode in MODES {
        let options = Options {
            max_duration: Some(Duration::from_millis(50)),
            ..options(mode)
        };
        assert_cut(Rig::with(options, Bytes::new()).await, Cut::MaxDuration).await;
    }
}

#[tokio::test]
async fn no_byte_makes_a_relay_last_longer_than_it_may() {
    let options = Options {
        max_duration: Some(Duration::from_millis(100)),
        ..options(Mode::Auto)
    };
    let mut rig = Rig::with(options, Bytes::new()).await;
    // It ends although there is always more; the last write may find it gone.
    while rig.client.write_all(b"?").await.is_ok() && !rig.relay.is_finished() {
        tokio::task::yield_now().await;
    }
    let ended = rig.relay.await.expect("the relay");
    assert_eq!(ended.by, CloseReason::Cut(Cut::MaxDuration));
}

#[tokio::test]
async fn silence_ends_a_relay_that_is_half_closed() {
    let options = Options {
        idle_timeout: Some(Duration::from_millis(50)),
        ..options(Mode::Auto)
    };
    let mut rig = Rig::with(options, Bytes::new()).await;
    rig.client.shutdown().await.expect("shutdown");
    let ended = rig.relay.await.expect("the relay");
    assert_eq!(ended.client_to_upstream, End::Eof);
    assert_eq!(ended.upstream_to_client, End::Cut(Cut::IdleTimeout));
    assert_eq!(
        drain(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn cancelling_ends_the_relay_by_a_reset() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.client, b"half a").await;
        read_exactly(&mut rig.upstream, 6).await;
        rig.cancel.cancel();
        assert_cut(rig, Cut::Cancelled).await;
    }
}

#[tokio::test]
async fn a_dropped_relay_resets_both_sides() {
    let mut rig = Rig::new(Mode::Auto).await;
    write(&mut rig.client, b"half a").await;
    read_exactly(&mut rig.upstream, 6).await;
    rig.relay.abort();
    assert!(rig.relay.await.expect_err("aborted").is_cancelled());
    assert_eq!(
        drain(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    assert_eq!(
        drain(&mut rig.upstream).await.1,
        Some(ErrorKind::ConnectionReset)
    );
}
