//! Tells a client that its connection will not be made, in words of its own protocol.
//!
//! Never a hang: the answer goes out at once, and the socket is closed within [`LINGER`].

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use http::{HeaderValue, Response, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::TcpStream;
use crate::types::Claim;

use super::downstream::Downstream;
use super::replay::Replay;
use super::words::{Alert, Words};

/// How long a client has to take the answer. A socket that is closed with unread bytes sends a reset,
/// which would overtake the answer: so what the client still sends is read and thrown away meanwhile.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes of header fields in a request that is refused: as many as the longest first message that can
/// be set (`sniff.max_bytes`). Unset, `h2` would gather 16 MiB.
const MAX_HEADERS: u32 = 64 * 1024;
/// Requests that are refused at once; what a client sends beside the first is not worth memory.
const MAX_REQUESTS: u32 = 8;

/// Answers in the protocol that the client spoke, and closes.
pub(super) async fn refuse(client: Downstream, words: Words) {
    // It is to hear the answer, and not a reset.
    client.ends_in_order();
    let Downstream {
        stream: client,
        claim,
        sent,
        ..
    } = client;
    let answer = async {
        match claim {
            Claim::Tls(_) => write_alert(client, words.alert).await,
            Claim::Http1 { .. } => write_response(client, words).await,
            Claim::Http2 { .. } => respond(client, sent, words).await.map_err(io::Error::other),
            Claim::Malformed(_) if looks_like_tls(&sent) => write_alert(client, words.alert).await,
            Claim::Malformed(_) if looks_like_http(&sent) => write_response(client, words).await,
            Claim::Opaque | Claim::Malformed(_) => client.set_zero_linger(),
        }
    };
    // A client that does not take its answer, or has gone, is refused all the same.
    let _ = timeout(LINGER, answer).await;
}

/// A TLS record of handshake type.
fn looks_like_tls(sent: &[u8]) -> bool {
    sent.first() == Some(&0x16)
}

/// A method's first letter; the sniffer found the rest to be HTTP, but malformed.
fn looks_like_http(sent: &[u8]) -> bool {
    sent.first().is_some_and(u8::is_ascii_uppercase)
}

/// Says the last words on a connection, and closes it.
pub(super) async fn say(client: TcpStream, words: &[u8]) {
    // A client that does not take them, or has gone, is refused all the same.
    let _ = timeout(LINGER, finish(client, words)).await;
}

async fn write_alert(client: TcpStream, alert: Alert) -> io::Result<()> {
    const ALERT_RECORD: u8 = 21;
    const FATAL: u8 = 2;
    finish(client, &[ALERT_RECORD, 3, 3, 0, 2, FATAL, alert as u8]).await
}

async fn write_response(client: TcpStream, words: Words) -> io::Result<()> {
    let body = body(words);
    let head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        words.status.as_str(),
        words.status.canonical_reason().unwrap_or_default(),
        body.len(),
    );
    finish(client, (head + &body).as_bytes()).await
}

pub(super) fn body(words: Words) -> String {
    format!("egress: {}: {}\n", words.label, words.sentence)
}

/// Writes, half-closes, and waits for the client to close.
async fn finish(mut client: TcpStream, answer: &[u8]) -> io::Result<()> {
    client.write_all(answer).await?;
    client.shutdown().await?;
    let mut discarded = [0; 4096];
    while client.read(&mut discarded).await? > 0 {}
    Ok(())
}

/// Answers the first request of an HTTP/2 connection, then says goodbye.
async fn respond(client: TcpStream, sent: Bytes, words: Words) -> Result<(), h2::Error> {
    let mut connection = Builder::new()
        .max_header_list_size(MAX_HEADERS)
        .max_concurrent_streams(MAX_REQUESTS)
        .handshake(Replay::new(client, sent))
        .await?;
    if let Some(request) = connection.accept().await {
        let (_, respond) = request?;
        send(respond, words)?;
    }
    connection.graceful_shutdown();
    while let Some(request) = connection.accept().await {
        let (_, respond) = request?;
        send(respond, words)?;
    }
    Ok(())
}

fn send(mut respond: SendResponse<Bytes>, words: Words) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.status_mut() = words.status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    respond
        .send_response(response, false)?
        .send_data(body(words).into(), true)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::types::DenyReason;

    const PREFACE_AND_SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    #[tokio::test]
    async fn a_refused_http2_client_cannot_fill_memory_with_headers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let mut client = TcpStream::connect(address).await.expect("a client");
        let (stream, _) = listener.accept().await.expect("accepted");
        let downstream = Downstream {
            claim: Claim::Http2 { authority: None },
            sent: Bytes::from_static(PREFACE_AND_SETTINGS),
            ..Downstream::new(stream.try_into().expect("with the runtime"))
        };
        tokio::spawn(refuse(downstream, DenyReason::NoName.into()));

        let mut frame = [0; 9 + 2 * 6];
        client.read_exact(&mut frame).await.expect("its SETTINGS");
        let settings = [
            [0, 3, 0, 0, 0, 8].as_slice(), // SETTINGS_MAX_CONCURRENT_STREAMS
            &[0, 6, 0, 1, 0, 0],           // SETTINGS_MAX_HEADER_LIST_SIZE
        ];
        assert_eq!(frame.get(9..), Some(settings.concat().as_slice()));
    }
}
