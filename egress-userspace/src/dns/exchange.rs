//! One question to one server, on a socket of its own: a fresh port is part of what a forged answer
//! would have to guess (RFC 5452).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};

use super::answer::Answer;

/// Longest datagram that is read: more than is asked for, for servers that do not care.
const MAX_DATAGRAM: usize = 4096;
/// Datagrams that are no answer to the question before it is given up: somebody guesses.
const MAX_STRAY: usize = 16;

/// Asks over UDP. What comes from elsewhere, has another id, or answers another question, is ignored.
pub(super) async fn by_datagram(server: SocketAddr, asked: &Message) -> io::Result<Answer> {
    let socket = UdpSocket::bind(any_port(server)).await?;
    // The kernel then takes datagrams of this server alone.
    socket.connect(server).await?;
    socket.send(&encode(asked)?).await?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    for _ in 0..MAX_STRAY {
        let length = socket.recv(&mut buffer).await?;
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if let Some(answer) = Answer::parse(bytes, asked) {
            return Ok(answer);
        }
    }
    Err(invalid("too many datagrams that are no answer"))
}

/// Asks over TCP.
pub(super) async fn by_stream(server: SocketAddr, asked: &Message) -> io::Result<Answer> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let mut stream = socket.connect(server).await?;
    write_message(&mut stream, &encode(asked)?).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Answer::parse(bytes, asked).ok_or_else(|| invalid("the answer is to another question"))
}

/// Writes a message with its length before it (RFC 1035 section 4.2.2), in one segment if it fits.
pub(super) async fn write_message(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

fn encode(message: &Message) -> io::Result<Vec<u8>> {
    message.to_vec().map_err(io::Error::other)
}

fn any_port(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
