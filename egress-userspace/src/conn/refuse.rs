//! Tells a client that its connection will not be made, in words of its own protocol.
//!
//! Never a hang: the answer goes out at once, and the socket is closed within [`LINGER`].

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderValue, Response, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::types::Claim;

use super::downstream::Downstream;
use super::replay::Replay;
use super::words::{Alert, Words};

/// How long a client has to take the answer. A socket that is closed with unread bytes sends a reset,
/// which would overtake the answer: so what the client still sends is read and thrown away meanwhile.
const LINGER: Duration = Duration::from_secs(1);

/// Answers in the protocol that the client spoke, and closes.
pub(super) async fn refuse(client: Downstream, words: Words) {
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

fn body(words: Words) -> String {
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
    let mut connection = h2::server::handshake(Replay::new(client, sent)).await?;
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
