//! What a relay may hold: memory, pipes, descriptors.

use std::hash::{DefaultHasher, Hasher};

use super::own_process::{in_own_process, leaving_nothing};
use super::pool::pooled_here;
use super::*;

/// More than the largest batch, and no multiple of any buffer.
const BULK: usize = 1_000_003;

/// Sends `bytes` up, and sees them arrive.
async fn upload(rig: &mut Rig, bytes: &[u8]) {
    let (sent, read) = tokio::join!(
        rig.client.write_all(bytes),
        read_exactly(&mut rig.upstream, bytes.len())
    );
    sent.expect("write");
    assert!(read == bytes, "the bytes came out changed");
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    /// Bytes of the transfer.
    const TOTAL: usize = 8 * 1024 * 1024;
    /// Buffers on the client's side: a batch fills a pipe. The kernel doubles each.
    const NEAR: u32 = 256 * 1024;
    /// Buffers on the upstream's side: a batch is far more than fits.
    const FAR: u32 = 16 * 1024;
    /// A buffer to send and one to receive on either side, and one full pipe.
    const HELD: usize = 4 * NEAR as usize + 4 * FAR as usize + pipe::CAPACITY;

    for mode in MODES {
        let (near, far) = (connected(Some(NEAR)).await, connected(Some(FAR)).await);
        let Rig {
            mut client,
            mut upstream,
            relay,
            ..
        } = Rig::between(near, far, options(mode), Bytes::new());
        let data = pattern(3, TOTAL);
        let (mut expected, mut got) = (DefaultHasher::new(), DefaultHasher::new());
        expected.write(&data);

        // The writer is as fast as it can be, and the reader takes a little when the writer waits.
        let (mut sent, mut read, mut chunk) = (0, 0, vec![0; 4096]);
        while read < TOTAL {
            let (_, rest) = data.split_at(sent);
            select! {
                biased;
                count = client.write(rest), if sent < TOTAL => sent += count.expect("write"),
                count = upstream.read(&mut chunk) => {
                    let count = count.expect("read");
                    got.write(chunk.split_at(count).0);
                    read += count;
                }
            }
            assert!(
                sent - read <= HELD,
                "{mode:?}: {} bytes on the way",
                sent - read
            );
        }
        assert_eq!(
            got.finish(),
            expected.finish(),
            "{mode:?}: the bytes came out changed"
        );
        assert!(!relay.is_finished());
    }
}

#[tokio::test]
async fn a_relay_is_small() {
    /// What it takes of the memory of a connection: both sockets, and what both directions know.
    const SMALL: usize = 304;

    let (near, far) = (connected(None).await.1, connected(None).await.1);
    let (options, counters) = (options(Mode::Auto), Counters::default());
    let never = std::future::pending();
    let relay = relay(
        ours(near),
        ours(far),
        Bytes::new(),
        &options,
        &counters,
        never,
    );
    let size = size_of_val(&relay);
    assert!(size <= SMALL, "{size} bytes");
}

#[tokio::test]
async fn a_clients_first_bytes_wait_for_nothing() {
    let (_client, accepted) = connected(None).await;
    let (mut upstream, dialled) = connected(None).await;
    let (options, counters) = (options(Mode::Auto), Counters::default());
    let first = Bytes::from_static(b"first");
    let never = std::future::pending();
    let (near, far) = (ours(accepted), ours(dialled));
    let relay = relay(near, far, first, &options, &counters, never);
    // The relay has not been polled, and its poller has not looked.
    assert_eq!(counters.sent(), 5);
    let mut got = [0; 5];
    upstream.read_exact(&mut got).await.expect("bytes");
    assert_eq!(&got, b"first");
    drop(relay);
}

#[tokio::test]
async fn an_idle_relay_holds_no_pipe_and_gives_it_to_the_next() {
    let mut rig = Rig::new(Mode::Splice).await;
    upload(&mut rig, &pattern(4, BULK)).await;
    let mut next = Rig::new(Mode::Splice).await;
    upload(&mut next, &pattern(5, BULK)).await;
    // They and both of their other directions have shared one.
    assert_eq!(pooled_here(), 1);
}

#[tokio::test]
async fn auto_takes_a_pipe_for_bulk_only() {
    let mut rig = Rig::new(Mode::Auto).await;
    upload(&mut rig, b"a question").await;
    assert_eq!(pooled_here(), 0);
    upload(&mut rig, &pattern(6, BULK)).await;
    assert_eq!(pooled_here(), 1);
}

#[tokio::test]
async fn copy_takes_no_pipe() {
    let mut rig = Rig::new(Mode::Copy).await;
    upload(&mut rig, &pattern(6, BULK)).await;
    assert_eq!(pooled_here(), 0);
}

#[tokio::test]
async fn without_a_pipe_to_be_had_the_relay_copies_and_counts_it() {
    let before = stats().fallbacks;
    let options = Options {
        max_pipes: 0,
        ..options(Mode::Splice)
    };
    let mut rig = Rig::with(options, Bytes::new()).await;
    upload(&mut rig, &pattern(7, BULK)).await;
    assert_eq!(pooled_here(), 0);
    assert!(stats().fallbacks >= before + 2, "one for each direction");
}

#[tokio::test]
async fn a_pipe_that_holds_bytes_is_not_given_to_another() {
    let (client, accepted) = connected(None).await;
    let mut client = client;
    write(&mut client, b"somebody's").await;
    accepted.readable().await.expect("readable");
    let mut pipe = pool::Lease::take(usize::MAX).expect("a pipe");
    assert_eq!(pipe.fill(&accepted, usize::MAX).expect("fill"), 10);
    pipe.put_back();
    assert_eq!(pooled_here(), 0);
}

#[test]
fn no_end_leaks_a_descriptor_or_a_pipe() {
    in_own_process(
        concat!(module_path!(), "::no_end_leaks_a_descriptor_or_a_pipe"),
        || {
            // Spawned, because what runs on this thread leaves its pipes on it.
            let work = async { tokio::spawn(cut_short()).await.expect("each relay") };
            leaving_nothing(1, work);
        },
    );
}

/// Relays with each engine that end in the middle of a batch.
async fn cut_short() {
    /// Relays of each kind: one lost at times shows too.
    const ROUNDS: usize = 20;

    for mode in MODES {
        for round in 0..3 * ROUNDS {
            let rig = Rig::new(mode).await;
            // Nobody reads, so that the ends come in the middle of a batch.
            flood(&rig.client).await;
            match round % 3 {
                0 => rig.cancel.cancel(),
                1 => reset(rig.upstream),
                _ => {
                    rig.relay.abort();
                    let error = rig.relay.await.expect_err("aborted");
                    assert!(error.is_cancelled(), "{error}");
                    continue;
                }
            }
            rig.relay.await.expect("the relay");
        }
    }
}

#[test]
fn a_service_may_have_bounds_of_its_own() {
    let default = Arc::new(Options {
        idle_timeout: Some(Duration::from_hours(1)),
        ..options(Mode::Auto)
    });
    let bounded = |idle_timeout, max_connection_duration| {
        let options = default.bounded_by(&ConnectionPool {
            idle_timeout,
            max_connection_duration,
            ..ConnectionPool::default()
        });
        (options.idle_timeout, options.max_duration)
    };
    let second = Some(Duration::from_secs(1));
    assert_eq!(bounded(None, None), (default.idle_timeout, None));
    assert_eq!(bounded(second, second), (second, second));
    // Zero is no bound.
    assert_eq!(bounded(Some(Duration::ZERO), None), (None, None));
}
