//! HTTP/2, between an `h2` client and an `h2` server.

use h2::client::SendRequest;
use h2::{client, server};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const TWO: Version = Version::Two;

/// What the server saw: the paths, in their order.
type Seen = JoinHandle<Vec<String>>;

/// An `h2` client and an `h2` server that echoes bodies and trailers, joined.
async fn joined() -> (SendRequest<Bytes>, Seen, JoinHandle<Ended>) {
    let Rig {
        client,
        server,
        ended,
        ..
    } = Rig::new(TWO, b"").await;
    let seen = tokio::spawn(serve_echo(server));
    let (requests, connection) = client::handshake(client).await.expect("a handshake");
    tokio::spawn(connection);
    (requests, seen, ended)
}

async fn serve_echo(server: TcpStream) -> Vec<String> {
    let mut seen = Vec::new();
    let mut builder = server::Builder::new();
    // Smaller, then larger than the default: the client's blocks say how large it makes its table.
    let handshake = builder.header_table_size(100).handshake::<_, Bytes>(server);
    let Ok(mut connection) = handshake.await else {
        return seen;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        seen.push(request.uri().to_string());
        let mut body = request.into_body();
        tokio::spawn(async move {
            let response = ::http::Response::new(());
            let mut answer = respond.send_response(response, false).expect("an answer");
            while let Some(Ok(data)) = body.data().await {
                body.flow_control()
                    .release_capacity(data.len())
                    .expect("room");
                answer.send_data(data, false).expect("an echo");
            }
            match body.trailers().await.expect("no error") {
                Some(trailers) => answer.send_trailers(trailers).expect("trailers"),
                None => answer.send_data(Bytes::new(), true).expect("an end"),
            }
        });
    }
    seen
}

/// Sends a request with a body and a trailer; gives the body and the trailer that come back.
async fn echo(
    requests: &SendRequest<Bytes>,
    uri: &str,
    body: Bytes,
) -> Result<(Vec<u8>, Option<String>), h2::Error> {
    let mut requests = requests.clone().ready().await?;
    let request = ::http::Request::post(uri)
        .header("x-number", body.len())
        .header("content-length", body.len())
        .body(())
        .expect("a request");
    let (response, mut stream) = requests.send_request(request, false)?;
    let mut trailers = ::http::HeaderMap::new();
    trailers.insert("x-trailer", uri.parse().expect("a value"));
    stream.send_data(body, false)?;
    stream.send_trailers(trailers)?;
    let mut body = response.await?.into_body();
    let mut read = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        read.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?;
    let trailer = trailers.and_then(|t| Some(t.get("x-trailer")?.to_str().ok()?.to_owned()));
    Ok((read, trailer))
}

#[tokio::test]
async fn many_streams_pass_with_bodies_and_trailers_and_another_host_ends_them() {
    let (requests, seen, ended) = joined().await;
    let body = Bytes::from(vec![7; 300_000]);
    let mut expected = Vec::new();
    for count in 0..100 {
        let uri = format!("http://a.test/{count}");
        let size = if count % 10 == 0 { 300_000 } else { 10 };
        let sent = body.slice(..size);
        let (read, trailer) = echo(&requests, &uri, sent.clone()).await.expect("an echo");
        assert!(read == sent, "{uri}");
        assert_eq!(trailer.as_deref(), Some(uri.as_str()));
        expected.push(uri);
    }
    let refused = echo(&requests, "http://b.test/", body.slice(..1));
    let told = async {
        let ended = timeout(DEADLINE, ended).await.expect("an end");
        let Ended::Refused(refused) = ended.expect("no panic") else {
            panic!("not refused");
        };
        assert_eq!(refused.reason, DenyReason::Misdirected);
        assert_eq!(
            refused.asked.map(|name| name.to_string()),
            Some("b.test".into())
        );
        let (mut client, telling) = refused.told.expect("no frame is under way");
        assert_eq!(telling, Telling::GoAway(199));
        client.write_all(&go_away(199, "why")).await.expect("write");
    };
    let (refused, ()) = tokio::join!(refused, told);
    let error = refused.expect_err("refused");
    assert!(error.is_go_away() && error.is_remote(), "{error:?}");
    assert_eq!(seen.await.expect("no panic"), expected);
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The block of `GET /` for a host, in plain text.
fn block(authority: &str) -> Vec<u8> {
    let length = u8::try_from(authority.len()).expect("short");
    [&[0x82, 0x84, 0x86, 0x01, length], authority.as_bytes()].concat()
}

fn begin(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &frame(4, 0, 0, &[]), &frames.concat()].concat()
}

#[tokio::test]
async fn frames_that_break_the_rules_are_not_passed_on() {
    let good = frame(1, 4, 1, &block("a.test"));
    let mut no_method = block("a.test");
    no_method.remove(0);
    let connect = [&[0x02, 7][..], b"CONNECT", &[0x01, 6], b"a.test"].concat();
    for (bad, reason) in [
        (frame(1, 4, 3, &no_method), DenyReason::MalformedHttp),
        (frame(1, 4, 3, &[0xff]), DenyReason::MalformedHttp),
        (frame(1, 4, 2, &block("a.test")), DenyReason::MalformedHttp),
        (frame(1, 4, 1, &block("b.test")), DenyReason::MalformedHttp),
        (frame(1, 4, 0, &block("b.test")), DenyReason::MalformedHttp),
        (frame(9, 4, 1, &block("b.test")), DenyReason::MalformedHttp),
        (frame(5, 4, 1, &[0; 8]), DenyReason::MalformedHttp),
        (
            frame(1, 4, 3, &block("evil.test")),
            DenyReason::HostNotInRegistry,
        ),
        (frame(1, 4, 3, &block("[::1]")), DenyReason::NoName),
        (frame(1, 4, 3, &connect), DenyReason::UpgradeRefused),
        (
            [frame(1, 0, 3, &[]), frame(9, 0, 3, &[]).repeat(20)].concat(),
            DenyReason::SniffTooLarge,
        ),
    ] {
        let mut rig = Rig::new(TWO, &begin(&[good.clone(), bad.clone()])).await;
        rig.asked(begin(std::slice::from_ref(&good))).await;
        let told = Some(Telling::GoAway(1));
        assert!(rest(&mut rig.server).await.0.is_empty());
        let (why, _, how) = rig.refused().await;
        assert_eq!((why, how), (reason, told), "{bad:x?}");
    }
}

#[tokio::test]
async fn a_block_is_held_until_all_of_it_is_judged() {
    let whole = block("a.test");
    let (one, two) = whole.split_at(4);
    let mut rig = Rig::new(TWO, &begin(&[])).await;
    rig.asked(begin(&[])).await;
    rig.ask(frame(1, 0, 1, one)).await;
    rig.answer(frame(4, 0, 0, &[])).await;
    rig.answered(frame(4, 0, 0, &[])).await;
    let sent = rig.counted().0;
    assert_eq!(sent, begin(&[]).len() as u64);
    rig.ask(frame(9, 4, 1, two)).await;
    rig.asked([frame(1, 0, 1, one), frame(9, 4, 1, two)].concat())
        .await;
}

#[tokio::test]
async fn the_goodbye_comes_between_two_frames() {
    let mut rig = Rig::new(TWO, &begin(&[frame(1, 4, 1, &block("a.test"))])).await;
    rig.asked(begin(&[frame(1, 4, 1, &block("a.test"))])).await;
    let data = frame(0, 0, 1, &[b'x'; 1000]);
    let (half, other) = data.split_at(500);
    rig.answer(half).await;
    rig.answered(half).await;
    rig.ask(frame(1, 4, 3, &block("evil.test"))).await;
    rig.answer(other).await;
    rig.answered(other).await;
    assert_eq!(rig.refused().await.2, Some(Telling::GoAway(1)));
}

#[tokio::test]
async fn a_frame_that_never_ends_is_not_waited_for() {
    let mut rig = Rig::new(TWO, &begin(&[frame(1, 4, 1, &block("a.test"))])).await;
    rig.asked(begin(&[frame(1, 4, 1, &block("a.test"))])).await;
    let data = frame(0, 0, 1, &[b'x'; 1000]);
    let (half, _) = data.split_at(500);
    rig.answer(half).await;
    rig.answered(half).await;
    rig.ask(frame(1, 4, 3, &block("evil.test"))).await;
    assert_eq!(rig.refused().await.2, None);
}
