//! Reads what a client says to the gateway itself, and not a byte more: what follows is for the upstream.

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::{Downstream, Stop, Visit};
use crate::net::TcpStream;
use crate::sniff::{self, FIRST_READ, Parsed, Wait};
use crate::types::DenyReason;

impl Visit<'_> {
    /// Reads what `parse` knows the length of, at most `cap` bytes, in the time of a first message.
    pub(super) async fn head<T>(
        &self,
        client: &mut Downstream,
        cap: usize,
        parse: impl Fn(&[u8], usize) -> Parsed<(usize, T)>,
    ) -> Result<T, Stop> {
        let gateway = self.gateway;
        let _memory = gateway.limits.sniff_memory(cap)?;
        let deadline = gateway.live.load().sniff.named.deadline;
        timeout(deadline, take(&mut client.stream, cap, parse))
            .await
            .unwrap_or_else(|_elapsed| Err(DenyReason::SniffTimeout.into()))
    }
}

/// What is there is looked at first, and taken only as far as it is the head's.
async fn take<T>(
    stream: &mut TcpStream,
    cap: usize,
    parse: impl Fn(&[u8], usize) -> Parsed<(usize, T)>,
) -> Result<T, Stop> {
    let mut head = Vec::new();
    // Of what was parsed last, and what it waits for.
    let mut parsed = 0;
    let mut waits: Option<Wait> = None;
    let mut bytes = [0; FIRST_READ];
    loop {
        let room = cap.saturating_sub(head.len()).min(FIRST_READ);
        let (window, _) = bytes.split_at_mut(room);
        let seen = stream.peek(window).await.map_err(|_| Stop::ClientGone)?;
        if seen == 0 {
            // No parser waits for more than its cap; were one to do so, this would never end.
            let full = room == 0;
            let reason = waits.and_then(|wait| wait.unfinished);
            return Err(match reason {
                _ if full => DenyReason::SniffTooLarge.into(),
                Some(reason) => reason.into(),
                None => Stop::ClientGone,
            });
        }
        let before = head.len();
        head.extend(window.iter().take(seen));
        let found = if waits.is_some_and(|wait| !wait.need.is_met(&head, parsed)) {
            None
        } else {
            parsed = head.len();
            match parse(&head, cap) {
                Ok(found) => Some(found),
                Err(sniff::Stop::More(wait)) => {
                    waits = Some(wait);
                    None
                }
                Err(sniff::Stop::Malformed(reason)) => return Err(reason.into()),
                // Such a parser has a reason for everything.
                Err(sniff::Stop::Not) => return Err(DenyReason::NotConnect.into()),
            }
        };
        let length = found.as_ref().map_or(head.len(), |(length, _)| *length);
        let taken = length.saturating_sub(before).min(seen);
        let (taken, _) = bytes.split_at_mut(taken);
        let read = stream.read_exact(taken).await;
        read.map_err(|_| Stop::ClientGone)?;
        if let Some((_, found)) = found {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const HEAD: &[u8] = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n";

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let client = TcpStream::connect(address).await.expect("a client");
        let (accepted, _) = listener.accept().await.expect("accepted");
        (client, accepted.try_into().expect("with the runtime"))
    }

    async fn port(stream: &mut TcpStream) -> Result<u16, Stop> {
        take(stream, 1024, |bytes, cap| {
            sniff::tunnel(bytes, cap).map(|tunnel| (tunnel.length, tunnel.port))
        })
        .await
    }

    #[tokio::test]
    async fn what_follows_the_head_is_left_however_it_is_cut() {
        for cut in 0..HEAD.len() {
            let (mut client, mut accepted) = pair().await;
            let (first, rest) = HEAD.split_at(cut);
            let sending = async {
                client.write_all(first).await.expect("it is read");
                client.flush().await.expect("it is sent");
                let rest = [rest, b"\x16hello"].concat();
                client.write_all(&rest).await.expect("it is read");
            };
            let (port, ()) = tokio::join!(port(&mut accepted), sending);
            assert_eq!(port.expect("a tunnel"), 443, "{cut}");
            let mut left = [0; 6];
            accepted.read_exact(&mut left).await.expect("the rest");
            assert_eq!(&left, b"\x16hello", "{cut}");
        }
    }

    #[tokio::test]
    async fn one_that_ends_within_its_head_has_broken_it() {
        let (mut client, mut accepted) = pair().await;
        client
            .write_all(b"CONNECT a.test:443 HTTP/1.1\r\n")
            .await
            .expect("sent");
        drop(client);
        let stop = port(&mut accepted).await.expect_err("no tunnel");
        let Stop::Denied(denial) = stop else {
            panic!("{stop:?}");
        };
        assert_eq!(denial.reason, DenyReason::MalformedHttp);
        let (client, mut accepted) = pair().await;
        drop(client);
        let stop = port(&mut accepted).await.expect_err("no tunnel");
        assert!(matches!(stop, Stop::ClientGone), "{stop:?}");
    }
}
