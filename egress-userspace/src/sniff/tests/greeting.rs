//! HTTP/2 clients that send no request before they have the server's `SETTINGS`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, join, split};
use tokio::time::{Instant, sleep, timeout};

use super::captures::capture;
use super::driver::LIMITS;
use super::http2::{PREFACE, frame, request};
use super::{http2, malformed};
use crate::sniff::{DEFAULT_CAP, Ended, sniff};
use crate::types::{Claim, DenyReason};

const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];

/// A request as a waiting client sends it: what goes before the server's `SETTINGS`, and what after.
fn in_two() -> (Vec<u8>, Vec<u8>) {
    let mut before = request(&[(":authority", "a.test")]);
    let after = before.split_off(PREFACE.len() + EMPTY_SETTINGS.len());
    (before, after)
}

/// What the gateway finds of a client that sends `before`, and answers its greeting with `answer`.
async fn greeted(before: &[u8], answer: &[u8]) -> (Claim, Bytes) {
    let (mut client, mut gateway) = duplex(DEFAULT_CAP);
    let waiting = async {
        client.write_all(before).await.expect("a write");
        let mut greeting = [0; 9];
        client.read_exact(&mut greeting).await.expect("a greeting");
        assert_eq!(greeting, EMPTY_SETTINGS);
        client.write_all(answer).await.expect("a write");
        client.shutdown().await.expect("a close");
    };
    let both = async { tokio::join!(sniff(&mut gateway, &LIMITS), waiting) };
    let (sniffed, ()) = timeout(2 * LIMITS.deadline, both)
        .await
        .expect("a greeting in time");
    let sniffed = sniffed.expect("no error");
    (sniffed.claim, sniffed.buffered)
}

#[tokio::test(start_paused = true)]
async fn the_upstream_never_sees_the_answer_to_the_greeting() {
    let (before, headers) = in_two();
    let data = frame(0, 1, 1, b"data");
    for (answer, passed_on) in [
        ([ACK, &headers].concat(), headers.clone()),
        ([&headers, ACK].concat(), headers.clone()),
        (
            [&headers[..], &data, ACK, &data].concat(),
            [&headers[..], &data, &data].concat(),
        ),
    ] {
        let expected = [&before[..], &passed_on].concat();
        assert_eq!(
            greeted(&before, &answer).await,
            (http2(Some("a.test")), expected.into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_first_acknowledgement_answers_the_greeting() {
    let (before, headers) = in_two();
    let (claim, buffered) = greeted(&before, &[ACK, &headers, ACK].concat()).await;
    assert_eq!(claim, http2(Some("a.test")));
    assert_eq!(buffered, [&before[..], &headers, ACK].concat());
}

#[tokio::test(start_paused = true)]
async fn a_grpc_client_that_waits_is_found() {
    let before = capture("grpcio-1.85-http2-before-settings.bin");
    let answer = capture("grpcio-1.85-http2-after-settings.bin");
    let passed_on = answer.strip_prefix(ACK).expect("the acknowledgement first");
    let expected = [&before, passed_on].concat();
    assert_eq!(
        greeted(&before, &answer).await,
        (http2(Some("grpc.example.com")), expected.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_greeting_is_refused() {
    let (before, headers) = in_two();
    assert_eq!(
        greeted(&before, &headers).await.0,
        malformed(DenyReason::MalformedHttp)
    );
    assert_eq!(
        greeted(&before, ACK).await.0,
        malformed(DenyReason::MalformedHttp)
    );
    let endless = [&headers[..], &vec![frame(0, 0, 1, &[0; 1000]); 20].concat()].concat();
    assert_eq!(
        greeted(&before, &endless).await.0,
        malformed(DenyReason::SniffTooLarge)
    );
}

#[tokio::test(start_paused = true)]
async fn a_greeted_client_has_the_same_deadline() {
    let (mut client, mut gateway) = duplex(DEFAULT_CAP);
    client.write_all(&in_two().0).await.expect("a write");
    let start = Instant::now();
    let sniffed = sniff(&mut gateway, &LIMITS).await.expect("no error");
    assert_eq!(sniffed.claim, malformed(DenyReason::SniffTimeout));
    assert_eq!(sniffed.ended, Ended::TimedOut);
    assert_eq!(start.elapsed(), LIMITS.deadline);
}

/// An `h2` client that makes its request after `pause`.
async fn call(client: DuplexStream, pause: Duration) -> Response<()> {
    let (mut requests, connection) = h2::client::handshake(client).await.expect("a handshake");
    tokio::spawn(connection);
    sleep(pause).await;
    let request = Request::get("http://a.test/").body(()).expect("a request");
    let (response, _) = requests.send_request(request, true).expect("a stream");
    response.await.expect("a response").map(drop)
}

/// The gateway and an `h2` server behind it, which answers one request. Gives what the gateway found.
async fn serve(mut gateway: DuplexStream) -> Claim {
    let sniffed = sniff(&mut gateway, &LIMITS).await.expect("no error");
    let (rest, answers) = split(gateway);
    let upstream = join(AsyncReadExt::chain(&sniffed.buffered[..], rest), answers);
    let mut server = h2::server::handshake(upstream).await.expect("a preface");
    let (_, mut respond) = server.accept().await.expect("a request").expect("no error");
    respond
        .send_response(Response::new(()), true)
        .expect("a response");
    // Until the client has its answer and is gone.
    while let Some(Ok(_)) = server.accept().await {}
    sniffed.claim
}

#[tokio::test(start_paused = true)]
async fn eager_and_waiting_clients_reach_the_upstream() {
    for pause in [Duration::ZERO, Duration::from_secs(1)] {
        let (client, gateway) = duplex(DEFAULT_CAP);
        let (response, claim) = tokio::join!(call(client, pause), serve(gateway));
        assert_eq!(
            (response.status().as_u16(), claim),
            (200, http2(Some("a.test")))
        );
    }
}
