//! Reading from a stream: time, ends, and how the bytes come in.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::captures::{capture, hellos, requests};
use super::malformed;
use crate::sniff::{DEFAULT_CAP, Ended, Limits, Sniffed, at_once, sniff};
use crate::types::{Claim, DenyReason};

pub(super) const LIMITS: Limits = Limits {
    cap: DEFAULT_CAP,
    deadline: Duration::from_secs(5),
};

/// Sniffs a client that has sent `bytes`, and perhaps closed its side.
async fn sniff_bytes(bytes: &[u8], closed: bool) -> (Sniffed, DuplexStream) {
    let (mut client, mut gateway) = duplex(bytes.len().max(1));
    client.write_all(bytes).await.expect("room for the bytes");
    if closed {
        client.shutdown().await.expect("a close");
    }
    (
        sniff(&mut gateway, &LIMITS).await.expect("no error"),
        client,
    )
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (
        client.expect("a connection"),
        accepted.expect("its other end").0,
    )
}

#[tokio::test]
async fn every_capture_is_found_and_kept_for_the_upstream() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let bytes = [&capture(file)[..], b"what comes right after"].concat();
        let (sniffed, mut client) = sniff_bytes(&bytes, false).await;
        assert_eq!(
            (sniffed.claim, sniffed.ended),
            (claim, Ended::Decided),
            "{file}"
        );
        assert!(bytes.starts_with(&sniffed.buffered));
        assert!(sniffed.buffered.len() >= capture(file).len());
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("the end");
        assert!(answer.is_empty(), "{file}: nothing is said to the client");
    }
}

#[test]
fn what_has_been_read_is_enough_when_it_has_the_claim_and_given_back_until_then() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let bytes = capture(file);
        for length in 0..bytes.len() {
            let (part, _) = bytes.split_at(length);
            match at_once(part.into(), &LIMITS) {
                Ok(sniffed) => assert_eq!(
                    (sniffed.claim, &sniffed.buffered[..]),
                    (claim.clone(), part),
                    "{file}"
                ),
                Err(back) => assert_eq!(back, part, "{file}"),
            }
        }
        let sniffed = at_once(bytes, &LIMITS).expect("all of it");
        assert_eq!((sniffed.claim, sniffed.ended), (claim, Ended::Decided));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_comes_byte_by_byte_is_found() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let bytes = capture(file);
        let (mut client, mut gateway) = duplex(1);
        let both = async { tokio::join!(sniff(&mut gateway, &LIMITS), client.write_all(&bytes)) };
        let (sniffed, sent) = timeout(LIMITS.deadline, both)
            .await
            .expect("all of it is read");
        sent.expect("no error");
        let sniffed = sniffed.expect("no error");
        assert_eq!(
            (sniffed.claim, sniffed.buffered),
            (claim, bytes.into()),
            "{file}"
        );
    }
}

#[tokio::test]
async fn a_hello_in_two_segments_is_found_over_tcp() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let bytes = capture(file);
        let (mut client, mut gateway) = tcp_pair().await;
        client.set_nodelay(true).expect("TCP_NODELAY");
        let send = async {
            for part in bytes.chunks(bytes.len() / 2 + 1) {
                client.write_all(part).await.expect("a write");
                tokio::task::yield_now().await;
            }
        };
        let (sniffed, ()) = tokio::join!(sniff(&mut gateway, &LIMITS), send);
        assert_eq!(sniffed.expect("no error").claim, claim, "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_opaque_when_time_is_up() {
    let start = Instant::now();
    let (sniffed, _client) = sniff_bytes(b"", false).await;
    assert_eq!(
        (sniffed.claim, sniffed.ended),
        (Claim::Opaque, Ended::TimedOut)
    );
    assert!(sniffed.buffered.is_empty());
    assert_eq!(start.elapsed(), LIMITS.deadline);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_ends_its_message_is_refused_when_time_is_up() {
    let hello = capture("openssl-3.0.bin");
    let (begun, _) = hello.split_at(100);
    for bytes in [begun, b"GET / HTTP/1.1\r\nHost: a.test\r\n", b"GE"] {
        let start = Instant::now();
        let (sniffed, _client) = sniff_bytes(bytes, false).await;
        assert_eq!(sniffed.claim, malformed(DenyReason::SniffTimeout));
        assert_eq!(
            (sniffed.ended, &sniffed.buffered[..]),
            (Ended::TimedOut, bytes)
        );
        assert_eq!(start.elapsed(), LIMITS.deadline);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_the_start_however_often_something_comes() {
    let (mut client, mut gateway) = duplex(16);
    let trickle = async {
        for byte in capture("chromium-156-post-quantum-ech.bin") {
            tokio::time::sleep(LIMITS.deadline / 100).await;
            client.write_u8(byte).await.expect("a write");
        }
    };
    let start = Instant::now();
    tokio::select! {
        sniffed = sniff(&mut gateway, &LIMITS) => {
            assert_eq!(sniffed.expect("no error").claim, malformed(DenyReason::SniffTimeout));
        }
        () = trickle => panic!("the deadline is over"),
    }
    assert_eq!(start.elapsed(), LIMITS.deadline);
}

#[tokio::test]
async fn a_client_that_closes_is_judged_by_what_it_sent() {
    let hello = capture("openssl-3.0.bin");
    let (begun, _) = hello.split_at(100);
    for (bytes, claim) in [
        (&b""[..], Claim::Opaque),
        (b"GE", Claim::Opaque),
        (b"GET / HTTP/1.1", Claim::Opaque),
        (b"GET / HTTP/1.1\r\n", malformed(DenyReason::MalformedHttp)),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            malformed(DenyReason::MalformedHttp),
        ),
        (&[22], Claim::Opaque),
        (begun, malformed(DenyReason::MalformedTls)),
    ] {
        let (sniffed, _client) = sniff_bytes(bytes, true).await;
        assert_eq!(
            (sniffed.claim, sniffed.ended),
            (claim, Ended::Closed),
            "{bytes:?}"
        );
        assert_eq!(sniffed.buffered, bytes);
    }
}

#[tokio::test]
async fn a_client_that_half_closes_after_its_message_is_served() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let (sniffed, _client) = sniff_bytes(&capture(file), true).await;
        assert_eq!(
            (sniffed.claim, sniffed.ended),
            (claim, Ended::Decided),
            "{file}"
        );
    }
}

#[tokio::test]
async fn no_more_is_read_than_the_limit() {
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(10 * DEFAULT_CAP));
    let (sniffed, _client) = sniff_bytes(endless.as_bytes(), false).await;
    assert_eq!(sniffed.claim, malformed(DenyReason::SniffTooLarge));
    assert!(sniffed.buffered.len() <= LIMITS.max_buffered());
}

#[tokio::test]
async fn a_reset_is_an_error() {
    let (client, mut gateway) = tcp_pair().await;
    SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
    drop(client);
    let error = sniff(&mut gateway, &LIMITS).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
