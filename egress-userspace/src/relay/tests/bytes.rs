//! What goes in comes out.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use socket2::SockRef;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::*;

/// Above every threshold of the engines: the scratch buffer, the pipe and the turn.
const BULK: usize = 3 * 1024 * 1024 + 17;

/// Pieces written by each side, in turn, up to a little more than the scratch buffer.
fn schedule() -> impl Strategy<Value = (u64, Vec<usize>, Vec<usize>)> {
    let pieces = || prop::collection::vec(prop_oneof![1..64_usize, 1..100_000_usize], 0..12);
    (any::<u64>(), pieces(), pieces())
}

async fn send(mut to: OwnedWriteHalf, bytes: &[u8], pieces: &[usize]) {
    let mut rest = bytes;
    for &piece in pieces {
        let (now, later) = rest.split_at(piece);
        to.write_all(now).await.expect("write");
        rest = later;
        tokio::task::yield_now().await;
    }
    // Dropped, the half sends the end of stream.
}

async fn receive(mut from: OwnedReadHalf) -> Vec<u8> {
    let mut read = Vec::new();
    from.read_to_end(&mut read).await.expect("a clean end");
    read
}

async fn exchange(mode: Mode, seed: u64, up: &[usize], down: &[usize]) {
    let (request, response) = (
        pattern(seed, up.iter().sum()),
        pattern(!seed, down.iter().sum()),
    );
    let Rig {
        client,
        upstream,
        counters,
        relay,
        ..
    } = Rig::new(mode).await;
    let (client_read, client_write) = client.into_split();
    let (upstream_read, upstream_write) = upstream.into_split();
    let ((), (), at_upstream, at_client) = tokio::join!(
        send(client_write, &request, up),
        send(upstream_write, &response, down),
        receive(upstream_read),
        receive(client_read),
    );
    assert!(
        at_upstream == request,
        "{mode:?}: the client's bytes came out changed"
    );
    assert!(
        at_client == response,
        "{mode:?}: the upstream's bytes came out changed"
    );
    let ended = relay.await.expect("the relay");
    assert_eq!(
        (ended.client_to_upstream, ended.upstream_to_client),
        (End::Eof, End::Eof)
    );
    assert_eq!(counters.sent(), request.len() as u64, "{mode:?}");
    assert_eq!(counters.received(), response.len() as u64, "{mode:?}");
}

#[test]
fn any_schedule_of_writes_comes_out_byte_for_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Deterministic: the same schedules on each run.
    TestRunner::deterministic()
        .run(&schedule(), |(seed, up, down)| {
            for mode in MODES {
                runtime.block_on(exchange(mode, seed, &up, &down));
            }
            Ok(())
        })
        .expect("each schedule");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_comes_out_byte_for_byte_when_tasks_change_threads() {
    for mode in MODES {
        exchange(mode, 1, &[BULK], &[BULK]).await;
    }
}

#[tokio::test]
async fn the_prefix_goes_first_and_is_counted() {
    for mode in MODES {
        let mut rig = Rig::with(options(mode), Bytes::from_static(b"hello ")).await;
        write(&mut rig.client, b"world").await;
        assert_eq!(
            read_exactly(&mut rig.upstream, 11).await,
            b"hello world",
            "{mode:?}"
        );
        assert_eq!(rig.counted(), (11, 0), "{mode:?}");
    }
}

#[tokio::test]
async fn a_prefix_without_more_is_passed_on_before_the_end() {
    for mode in MODES {
        let mut rig = Rig::with(options(mode), Bytes::from_static(b"all there is")).await;
        rig.client.shutdown().await.expect("shutdown");
        let (read, error) = drain(&mut rig.upstream).await;
        assert_eq!(
            (read.as_slice(), error),
            (b"all there is".as_slice(), None),
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn counts_are_live() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.client, b"question").await;
        read_exactly(&mut rig.upstream, 8).await;
        write(&mut rig.upstream, b"answer").await;
        read_exactly(&mut rig.client, 6).await;
        assert_eq!(rig.counted(), (8, 6), "{mode:?}");
    }
}

#[tokio::test]
async fn urgent_data_does_not_stall_the_stream() {
    for mode in MODES {
        let mut rig = Rig::new(mode).await;
        write(&mut rig.client, b"before").await;
        read_exactly(&mut rig.upstream, 6).await;
        // The urgent byte is not part of the stream: it is not passed on, and nothing waits for it.
        SockRef::from(&rig.client)
            .send_out_of_band(b"!")
            .expect("MSG_OOB");
        // No end follows that could wake what waits.
        write(&mut rig.client, b"after").await;
        assert_eq!(
            read_exactly(&mut rig.upstream, 5).await,
            b"after",
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn an_urgent_byte_before_the_end_costs_nobody_what_is_still_to_be_sent() {
    /// Each of the upstream's four buffers. The kernel doubles it, and keeps about half for itself.
    const BUFFER: u32 = 64 * 1024;
    /// Read before the relay ends, and after: more than a buffer to receive holds, less than both.
    const PARTS: (usize, usize) = (80_000, 120_000);

    for mode in MODES {
        let data = pattern(9, PARTS.0 + PARTS.1);
        let far = connected(Some(BUFFER)).await;
        let mut rig = Rig::between(connected(None).await, far, options(mode), Bytes::new());
        let upstream = SockRef::from(&rig.upstream);
        upstream.send_out_of_band(b"!").expect("MSG_OOB");
        rig.upstream.shutdown().await.expect("shutdown");
        assert_eq!(drain(&mut rig.client).await, (Vec::new(), None), "{mode:?}");
        let (first, ()) = tokio::join!(read_exactly(&mut rig.upstream, PARTS.0), async {
            write(&mut rig.client, &data).await;
            rig.client.shutdown().await.expect("shutdown");
        });
        // Both have ended: the relay closes its sockets while much is still to be sent.
        let ended = rig.relay.await.expect("the relay");
        assert_eq!(ended.client_to_upstream, End::Eof, "{mode:?}");
        let (rest, error) = drain(&mut rig.upstream).await;
        assert_eq!((rest.len(), error), (PARTS.1, None), "{mode:?}");
        assert!([first, rest].concat() == data, "{mode:?}: other bytes");
    }
}
