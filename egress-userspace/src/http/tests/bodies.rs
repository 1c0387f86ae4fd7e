//! Bodies, ends and resets: all that a relay passes on, and as it is.

use std::io::ErrorKind;

use super::*;

const ONE: Version = Version::One;
/// More than all buffers on the way hold.
const MUCH: usize = 8 * 1024 * 1024;

/// Bytes in which no stretch is like another.
fn pattern(length: usize) -> Vec<u8> {
    let next = |state: &mut u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Some(state.to_be_bytes()[0])
    };
    (0..length).scan(7, |state, _| next(state)).collect()
}

/// Asks with, or answers with, this message, while the other end reads it.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, message: &[u8]) {
    let mut read = vec![0; message.len()];
    let (wrote, got) = tokio::join!(from.write_all(message), to.read_exact(&mut read));
    wrote.expect("write");
    got.expect("read");
    assert!(read == message, "the same bytes");
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let chunks = body
        .chunks(size)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    chunks.chain(*b"0\r\nX: y\r\n\r\n").collect()
}

#[tokio::test]
async fn large_bodies_pass_in_both_directions_and_the_next_request_is_judged() {
    let body = pattern(MUCH);
    let counted = |head: &str| format!("{head}\r\nHost: a.test\r\nContent-Length: {MUCH}\r\n\r\n");
    let coded =
        |head: &str| format!("{head}\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let framings = [
        (
            counted("POST / HTTP/1.1"),
            counted("HTTP/1.1 200 OK"),
            body.clone(),
        ),
        (
            coded("POST / HTTP/1.1"),
            coded("HTTP/1.1 200 OK"),
            chunked(&body, 1000),
        ),
        (
            coded("POST / HTTP/1.1"),
            coded("HTTP/1.1 200 OK"),
            chunked(&body, 1_000_000),
        ),
    ];
    let mut rig = Rig::new(ONE, b"").await;
    let mut total = 0;
    for (request, response, body) in framings {
        let request = [request.as_bytes(), &body].concat();
        let response = [response.as_bytes(), &body].concat();
        pass(&mut rig.client, &mut rig.server, &request).await;
        pass(&mut rig.server, &mut rig.client, &response).await;
        total += request.len() as u64;
    }
    assert_eq!(rig.counted().0, total);
    rig.ask(get("evil.test")).await;
    assert_eq!(rig.refused().await.0, DenyReason::HostNotInRegistry);
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it() {
    let head =
        "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut rig = Rig::new(ONE, head.as_bytes()).await;
    rig.asked(head).await;
    rig.answer("HTTP/1.1 100 Continue\r\n\r\n").await;
    rig.answered("HTTP/1.1 100 Continue\r\n\r\n").await;
    rig.ask("body").await;
    rig.asked("body").await;
    rig.answer(OK).await;
    rig.answered(OK).await;
    rig.ask(get("a.test")).await;
    rig.asked(get("a.test")).await;
}

#[tokio::test]
async fn responses_that_have_no_body_are_followed_by_the_next() {
    let requests = [
        "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(),
        get("a.test"),
        get("a.test"),
        get("evil.test"),
    ];
    let mut rig = Rig::new(ONE, requests.concat().as_bytes()).await;
    let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ];
    rig.answer(responses.concat()).await;
    rig.answered(responses.concat()).await;
    assert_eq!(rig.refused().await.2, Some(Telling::Response));
}

#[tokio::test]
async fn a_client_that_ends_is_still_answered() {
    let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
    rig.client.shutdown().await.expect("an end");
    assert_eq!(rest(&mut rig.server).await, (get("a.test").into(), None));
    rig.answer(OK).await;
    rig.server.shutdown().await.expect("an end");
    assert_eq!(rest(&mut rig.client).await, (OK.into(), None));
    let ended = rig.ended().await;
    let client = CloseReason::Finished {
        first: Side::Client,
    };
    assert!(
        matches!(ended, Ended::Closed(by) if by == client),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_server_that_ends_can_still_be_asked() {
    let mut rig = Rig::new(ONE, b"").await;
    rig.server.shutdown().await.expect("an end");
    assert_eq!(rest(&mut rig.client).await, (Vec::new(), None));
    rig.ask(get("a.test")).await;
    rig.asked(get("a.test")).await;
    rig.client.shutdown().await.expect("an end");
    let ended = rig.ended().await;
    let upstream = CloseReason::Finished {
        first: Side::Upstream,
    };
    assert!(
        matches!(ended, Ended::Closed(by) if by == upstream),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_reset_stays_a_reset() {
    let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
    rig.asked(get("a.test")).await;
    rig.answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
    rig.answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
    rig.server.set_zero_linger().expect("SO_LINGER");
    drop(std::mem::replace(&mut rig.server, connected().await.0));
    assert_eq!(
        rest(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );

    let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
    rig.asked(get("a.test")).await;
    rig.client.set_zero_linger().expect("SO_LINGER");
    drop(std::mem::replace(&mut rig.client, connected().await.0));
    assert_eq!(
        rest(&mut rig.server).await.1,
        Some(ErrorKind::ConnectionReset)
    );
}
