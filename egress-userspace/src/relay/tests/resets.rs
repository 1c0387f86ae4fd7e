//! A reset of one side is a reset of the other, whoever is reading or writing then.

use std::io::ErrorKind;

use super::*;

const RESET: Option<ErrorKind> = Some(ErrorKind::ConnectionReset);
const BY_CLIENT: Cut = Cut::Reset { by: Side::Client };
const BY_UPSTREAM: Cut = Cut::Reset { by: Side::Upstream };

/// More than all buffers between two peers hold.
const FLOOD: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn a_client_that_resets_resets_a_silent_upstream() {
    for mode in MODES {
        let Rig {
            client,
            mut upstream,
            relay,
            ..
        } = Rig::new(mode).await;
        reset(client);
        assert_eq!(drain(&mut upstream).await, (Vec::new(), RESET), "{mode:?}");
        let ended = relay.await.expect("the relay");
        assert_eq!(ended.by, CloseReason::Cut(BY_CLIENT), "{mode:?}");
        assert_eq!(ended.client_to_upstream, End::Cut(BY_CLIENT), "{mode:?}");
        assert_eq!(ended.upstream_to_client, End::Cut(BY_CLIENT), "{mode:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_resets_resets_a_silent_client() {
    for mode in MODES {
        let Rig {
            mut client,
            upstream,
            relay,
            ..
        } = Rig::new(mode).await;
        reset(upstream);
        assert_eq!(drain(&mut client).await, (Vec::new(), RESET), "{mode:?}");
        assert_eq!(
            relay.await.expect("the relay").by,
            CloseReason::Cut(BY_UPSTREAM),
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn counts_are_exact_after_a_reset() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.client, &pattern(1, 100_000)).await;
        read_exactly(&mut rig.upstream, 100_000).await;
        write(&mut rig.upstream, &pattern(2, 200_000)).await;
        read_exactly(&mut rig.client, 200_000).await;
        reset(rig.upstream);
        assert_eq!(
            drain(&mut rig.client).await,
            (Vec::new(), RESET),
            "{mode:?}"
        );
        rig.relay.await.expect("the relay");
        assert_eq!(
            (rig.counters.sent(), rig.counters.received()),
            (100_000, 200_000),
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_finished_and_then_resets_is_noticed_by_a_silent_upstream() {
    for mode in MODES {
        let Rig {
            mut client,
            mut upstream,
            relay,
            ..
        } = Rig::new(mode).await;
        client.shutdown().await.expect("shutdown");
        assert_eq!(drain(&mut upstream).await, (Vec::new(), None), "{mode:?}");
        reset(client);
        let ended = relay.await.expect("the relay");
        assert_eq!(ended.client_to_upstream, End::Eof, "{mode:?}");
        assert_eq!(ended.upstream_to_client, End::Cut(BY_CLIENT), "{mode:?}");
        assert!(
            upstream.take_error().expect("SO_ERROR").is_some(),
            "{mode:?}: no reset passed on"
        );
    }
}

#[tokio::test]
async fn a_client_that_finished_and_resets_in_the_middle_of_the_answer_stops_it() {
    for mode in MODES {
        let Rig {
            mut client,
            mut upstream,
            relay,
            ..
        } = Rig::new(mode).await;
        client.shutdown().await.expect("shutdown");
        let answer = tokio::spawn(async move { upstream.write_all(&vec![7; FLOOD]).await });
        read_exactly(&mut client, 100_000).await;
        reset(client);
        let error = answer
            .await
            .expect("the writer")
            .expect_err("more than the buffers hold");
        assert!(matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ));
        let ended = relay.await.expect("the relay");
        assert_eq!(ended.by, CloseReason::Cut(BY_CLIENT), "{mode:?}");
    }
}

#[tokio::test]
async fn a_reset_found_on_writing_is_no_clean_end() {
    for mode in MODES {
        let Rig {
            mut client,
            upstream,
            relay,
            ..
        } = Rig::new(mode).await;
        let request = tokio::spawn(async move {
            let sent = client.write_all(&vec![7; FLOOD]).await;
            (client, sent)
        });
        upstream.readable().await.expect("readable");
        // With unread bytes, this is a reset without more ado.
        drop(upstream);
        let (_, sent) = request.await.expect("the writer");
        let error = sent.expect_err("more than the buffers hold");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{mode:?}");
        let ended = relay.await.expect("the relay");
        assert_eq!(ended.client_to_upstream, End::Cut(BY_UPSTREAM), "{mode:?}");
        assert_eq!(ended.upstream_to_client, End::Cut(BY_UPSTREAM), "{mode:?}");
    }
}

#[tokio::test]
async fn what_came_before_a_reset_is_delivered() {
    for mode in MODES {
        // The upstream answers and resets before the relay begins: the first it meets is the
        // failure to write the prefix.
        let (mut upstream, dialled) = connected(None).await;
        write(&mut upstream, b"413 Content Too Large").await;
        reset(upstream);
        dialled
            .ready(tokio::io::Interest::ERROR)
            .await
            .expect("the reset");
        let kept = connected(None).await;
        let prefix = Bytes::from_static(b"POST / HTTP/1.1");
        let mut rig = Rig::between(
            connected(None).await,
            (kept.0, dialled),
            options(mode),
            prefix,
        );
        let (read, error) = drain(&mut rig.client).await;
        assert_eq!(read, b"413 Content Too Large", "{mode:?}");
        assert_eq!(error, RESET, "{mode:?}: a clean end");
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(ended.client_to_upstream, End::Cut(BY_UPSTREAM), "{mode:?}");
        assert_eq!(ended.upstream_to_client, End::Cut(BY_UPSTREAM), "{mode:?}");
        assert_eq!(
            rig.counters.sent(),
            0,
            "{mode:?}: counted what was not written"
        );
    }
}

#[tokio::test]
async fn an_upstream_that_closed_before_the_prefix_resets_the_client_after_its_end() {
    for mode in MODES {
        let (upstream, dialled) = connected(None).await;
        drop(upstream);
        dialled.readable().await.expect("the end of stream");
        let kept = connected(None).await;
        let prefix = Bytes::from_static(b"hello");
        let rig = Rig::between(
            connected(None).await,
            (kept.0, dialled),
            options(mode),
            prefix,
        );
        // The client stays silent: only the answer to the prefix tells that nobody is there.
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(ended.client_to_upstream, End::Cut(BY_UPSTREAM), "{mode:?}");
        assert_eq!(ended.by, CloseReason::Cut(BY_UPSTREAM), "{mode:?}");
        assert_eq!(rig.counters.sent(), 5, "{mode:?}");
    }
}
